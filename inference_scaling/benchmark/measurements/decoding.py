"""How fast tokens are decoded, in tokens per second and % of roofline."""

import functools
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from inference_scaling import decoding as decoding_lib
from inference_scaling import models
from inference_scaling.benchmark import (
  own_engine,
  subjects,
  table,
  timing,
)
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import (
  machine,
  roofline,
)

ROWS = (1, 16, 64, 256)


class Decoding:
  """Programs that decode a batch, with nothing around them.

  A policy's own `extend` is run from the end of the prompts, to two lengths in
  buffers of one size. The slope between them is the time of a token: what a
  call takes whatever its length drops out.

  Attributes:
    work: gives prompts and lengths.
  """

  def __init__(
    self,
    subject: subjects.Subject,
    work: work_lib.Work,
    rows: Sequence[int],
    dtypes: Sequence[str],
  ):
    self.work = work
    self._subject, self._rows, self._dtypes = subject, rows, dtypes
    self._caches: dict[str, str] = {}

  @property
  def lengths(self) -> tuple[int, int]:
    """Tokens of the shorter and the longer text."""
    return max(1, self.work.new_tokens // 4), self.work.new_tokens

  def tasks(self) -> dict[str, timing.Task]:
    """Loads the model and fills the prompts' caches.

    Returns:
      Tasks for `timing.interleave`.
    """
    tasks = {}
    for dtype in self._dtypes:
      model = self._subject.policy(dtype)
      for rows in self._rows:
        tasks |= self._pair(model, dtype, rows)
    return tasks

  def describe(
    self, times: Mapping[str, timing.Seconds], rates: machine.Rates
  ) -> list[table.Row]:
    """Turns times into rows of the table.

    Args:
      times: of the tasks.
      rates: of the machine, from the same rounds.

    Returns:
      Tokens per second, and % of roofline.
    """
    table_rows = []
    for dtype in self._dtypes:
      for rows in self._rows:
        table_rows += self._describe(times, rates, dtype, rows)
    return table_rows

  def _pair(
    self, model: models.Model, dtype: str, rows: int
  ) -> dict[str, timing.Task]:
    """The tasks of both lengths, which begin at one state."""
    work, (short, long) = self.work, self.lengths
    problems, samples = split(rows, work.problems)
    prompts = self._subject.prompts(problems, work.prompt_tokens)
    params = own_engine.policy_params(model)
    keys = jax.random.split(jax.random.key(0), (problems, samples))
    active, state, tasks = np.ones(keys.shape, bool), None, {}
    for length in (short, long):
      policy = own_engine.make_policy(
        model, samples, work.prompt_tokens, length, long
      )
      if state is None:
        state = jax.jit(policy.start)(params, stack(prompts, policy.limits))
        cached = jax.tree.leaves(state.cache.prompt)[0]
        self._caches[dtype] = str(cached.dtype)
      # Not donated, so that each round can begin at the same state.
      extend = functools.partial(jax.jit(policy.extend), params, keys, state)
      tasks[_name(dtype, rows, length)] = functools.partial(extend, active)
    return tasks

  def _describe(
    self,
    times: Mapping[str, timing.Seconds],
    rates: machine.Rates,
    dtype: str,
    rows: int,
  ) -> list[table.Row]:
    (short, long), work = self.lengths, self.work
    seconds = timing.slope(
      times[_name(dtype, rows, short)],
      times[_name(dtype, rows, long)],
      long - short,
    )
    problems, samples = split(rows, work.problems)
    least = roofline.token_step(
      self._subject.config, problems, samples, work.prompt_tokens,
      (short + long) / 2, dtype, self._caches[dtype],
    )  # fmt: skip
    bound = least.seconds(rates, dtype)
    what = f"{dtype}, batch size {rows}"
    share = 100 * bound / seconds.median
    read = least.weight_bytes + least.cache_bytes
    planned = roofline.planned_seconds(least, jax.devices()[0].device_kind)
    prediction = [] if planned is None else [
      table.Row(
        "decoding", f"{what}: % of the plan's bound",
        100 * planned / seconds.median, "%",
        f"{rows / planned:,.0f} tokens/s by the chip's peaks",
      )
    ]  # fmt: skip
    return [
      table.Row(
        "decoding", what, rows / seconds.median, "tokens/s",
        f"{problems} prompts x {samples}",
        tuple(rows / value for value in seconds.rounds),
      ),
      table.Row(
        "decoding", f"{what}: % of roofline", share, "%",
        f"{rows / bound:,.0f} tokens/s: {read / 1e6:,.0f} MB, "
        f"{least.flops / 1e9:.3g} GFLOP per token step; "
        f"cache in {self._caches[dtype]}",
      ),
      *prediction,
    ]  # fmt: skip


def split(rows: int, most_problems: int) -> tuple[int, int]:
  """Shares rows out over problems.

  Args:
    rows: in all.
    most_problems: problems of 64 rows and more.

  Returns:
    Problems and samples of each: one problem below 64 rows.
  """
  problems = most_problems if rows >= 64 and rows % most_problems == 0 else 1
  return problems, rows // problems


def stack(
  prompts: Sequence[Sequence[int]], limits: decoding_lib.Limits
) -> decoding_lib.Prompts:
  """Lays prompts into one batch.

  Args:
    prompts: token ids.
    limits: of the policy.

  Returns:
    The batch.
  """
  rows = [
    decoding_lib.pad_prompt(number, prompt, limits)
    for number, prompt in enumerate(prompts)
  ]
  return jax.tree.map(lambda *leaves: np.concatenate(leaves), *rows)


def _name(dtype: str, rows: int, length: int) -> str:
  return f"{dtype}, batch size {rows}, {length} tokens"
