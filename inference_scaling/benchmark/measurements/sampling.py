"""Sampling from end to end: this package and other engines, in turns."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from inference_scaling.benchmark import (
  engines,
  own_engine,
  subjects,
  table,
  timing,
)
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import compilation

# A way to do an engine's work that is slower than its fastest by more than this
# is measured once: it is not the way that the engine is compared by.
_SLOWER = 1.3
Way = tuple[str, str]  # an engine and one of its ways


class Sampling:
  """All ways to draw the samples, each at two lengths.

  The longer one is the work itself; the slope between them is decoding alone.
  """

  def __init__(
    self,
    subject: subjects.Subject,
    work: work_lib.Work,
    dtypes: Sequence[str],
    rivals: Sequence[str],
    folder: pathlib.Path,
  ):
    """Opens the engines.

    Args:
      subject: the model.
      work: what is drawn.
      dtypes: of this package's own weights.
      rivals: names of other engines.
      folder: where converted models go.
    """
    self._work = work
    self._prompts = subject.prompts(work.problems, work.prompt_tokens)
    own = {dtype: own_engine.Sampler(subject.policy(dtype)) for dtype in dtypes}
    others, self._left_out = _open(subject, rivals, folder)
    self._ways: dict[Way, work_lib.Generate] = {
      (engine, way): generate
      for engine, ways in {own_engine.NAME: own, **others}.items()
      for way, generate in ways.items()
    }

  def run(self, repeats: int) -> list[table.Row]:
    """Measures all ways.

    Args:
      repeats: rounds.

    Returns:
      Rows of the table.
    """
    short, long = max(1, self._work.new_tokens // 4), self._work.new_tokens
    tasks = {
      (way, length): functools.partial(self._generate, way, length)
      for way in self._ways
      for length in (short, long)
    }
    for way, length in tasks:
      # Only this package's programs are compiled for a length.
      if length == short or way[0] == own_engine.NAME:
        self._check(way, length)
    tried = {way: timing.once(tasks[way, long]) for way in self._ways}
    fast = _contenders(tried)
    with compilation.count() as compiled:
      times = timing.measure(
        {key: task for key, task in tasks.items() if key[0] in fast}, repeats
      )
    whole = {way: times[way, long] for way in fast}
    decoding = {
      way: timing.slope(times[way, short], times[way, long], long - short)
      for way in fast
    }
    rows = self._rates("end to end", whole, tried, self._work.tokens)
    rows += _ratios("end to end", whole)
    rows += self._rates("decoding alone", decoding, {}, self._work.rows)
    rows += _ratios("decoding alone", decoding)
    note = f"{repeats} rounds, each with its own seeds"
    return [
      *rows,
      table.Row(
        "sampling", "programs compiled in the rounds", compiled.programs,
        "", note,
      ),
      *(
        table.Row("sampling", engine, None, "", why)
        for engine, why in self._left_out.items()
      ),
    ]  # fmt: skip

  def _generate(self, way: Way, length: int) -> np.ndarray:
    work, generate = self._work, self._ways[way]
    return generate(self._prompts, work.samples, length)

  def _check(self, way: Way, length: int) -> None:
    """Checks the number of tokens that an engine makes."""
    tokens = self._generate(way, length)
    work = dataclasses.replace(self._work, new_tokens=length)
    work_lib.check(", ".join(way), tokens, work)

  def _rates(
    self,
    what: str,
    times: Mapping[Way, timing.Seconds],
    tried: Mapping[Way, float],
    tokens: int,
  ) -> list[table.Row]:
    """Tokens per second of each way."""
    rows = []
    for way in tried or times:
      name = f"{what}: {', '.join(way)}"
      if way in times:
        rates = tuple(tokens / value for value in times[way].rounds)
        value, note = tokens / times[way].median, ""
      else:
        rates, value, note = (), tokens / tried[way], "slower: measured once"
      rows.append(table.Row("sampling", name, value, "tokens/s", note, rates))
    return rows


def fastest(times: Mapping[Way, timing.Seconds]) -> dict[str, Way]:
  """Finds the fastest way of each engine.

  Args:
    times: of ways.

  Returns:
    The way, by the engine's name.
  """
  best: dict[str, Way] = {}
  for way, seconds in times.items():
    engine = way[0]
    if engine not in best or seconds.median < times[best[engine]].median:
      best[engine] = way
  return best


def _contenders(tried: Mapping[Way, float]) -> list[Way]:
  """The ways that may be the fastest of their engines."""
  least: dict[str, float] = {}
  for (engine, _), seconds in tried.items():
    least[engine] = min(seconds, least.get(engine, seconds))
  return [
    way for way, seconds in tried.items() if seconds <= _SLOWER * least[way[0]]
  ]


def _ratios(what: str, times: Mapping[Way, timing.Seconds]) -> list[table.Row]:
  """The speed of this package's fastest way over that of each engine."""
  best = fastest(times)
  own = best[own_engine.NAME]
  return [
    table.faster(
      "sampling", what, engine, times[own], times[other],
      f"{own[1]} here, {other[1]} in {engine}",
    )
    for engine, other in best.items()
    if engine != own_engine.NAME
  ]  # fmt: skip


def _open(
  subject: subjects.Subject, rivals: Sequence[str], folder: pathlib.Path
) -> tuple[dict[str, Mapping[str, work_lib.Generate]], dict[str, str]]:
  """Other engines, and why some are left out."""
  if not rivals:
    return {}, {}
  checkpoint = subject.write_policy(folder)
  if checkpoint is None:
    return {}, {"other engines": "random weights are not written to a file"}
  return engines.open_engines(rivals, checkpoint, subject.gguf)
