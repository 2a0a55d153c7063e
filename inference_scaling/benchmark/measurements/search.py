"""What a tree search costs beside sampling as many tokens."""

import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from inference_scaling import decoding
from inference_scaling import search as search_lib
from inference_scaling.benchmark import (
  own_engine,
  rival_search,
  scoring,
  subjects,
  table,
  timing,
)
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import steps
from inference_scaling.search import base

# Tokens of a step; a text has several.
STEP_TOKENS = 16
_FORMATS = {"equal": steps.EqualSteps, "uneven": steps.UnevenSteps}
_TEMPERATURE = 0.1  # of REBASE, as in the paper's Appendix A


class Search:
  """REBASE, sampling of as many tokens, and scoring them.

  Attributes:
    dtype: of both models' weights.
    tokens: that each kind of search drew in its last run.
  """

  def __init__(
    self, subject: subjects.Subject, work: work_lib.Work, dtype: str
  ):
    """Loads both models.

    Args:
      subject: the models.
      work: how much is drawn.
      dtype: of both models' weights.
    """
    self._work, self.dtype = work, dtype
    self._model, self._reward_model = (
      subject.policy(dtype),
      subject.reward(dtype),
    )
    self._prompts = subject.prompts(work.problems, work.prompt_tokens)
    self._sampler = own_engine.Sampler(self._model)
    self._step_tokens = min(STEP_TOKENS, work.new_tokens)
    self.tokens: dict[str, int] = {}

  def tasks(self) -> dict[str, timing.Task]:
    """Makes the programs.

    Returns:
      Tasks for `timing.interleave`.
    """
    return {
      self._name("sampling"): self.sample,
      self._name("reward"): scoring.make(
        self._reward_model, self._prompts, self._work, self._step_tokens
      ),
      **{self._name(kind): self.rebase(kind) for kind in _FORMATS},
      self.head_name: self.rebase_by_head(),
    }

  def sample(self) -> np.ndarray:
    """Draws the samples."""
    work = self._work
    return self._sampler(self._prompts, work.samples, work.new_tokens)

  def rebase(self, kind: str) -> timing.Task:
    """Makes a search.

    Args:
      kind: of its steps, "equal" or "uneven".

    Returns:
      The search.
    """
    work = self._work
    step = self._step_tokens if kind == "equal" else work.new_tokens
    format = _FORMATS[kind](self._step_tokens)
    policy = own_engine.make_policy(
      self._model, work.samples, work.prompt_tokens, step, work.new_tokens,
      format,
    )  # fmt: skip
    reward = decoding.ModelReward(
      self._reward_model, policy.limits, work.samples
    )
    depth = self._depth if kind == "equal" else 2 * self._depth
    params = (
      own_engine.policy_params(self._model), self._reward_model.params
    )  # fmt: skip
    return functools.partial(
      self._search, kind, (policy, reward), params, depth
    )

  def rebase_by_head(self) -> timing.Task:
    """Makes a search in equal steps whose reward is a head on the policy."""
    work, config = self._work, self._model.config
    middle = -(-config.num_layers // 2)
    head = own_engine.make_value_head(config, middle)
    policy = own_engine.make_policy(
      self._model, work.samples, work.prompt_tokens, self._step_tokens,
      work.new_tokens, _FORMATS["equal"](self._step_tokens), head.layers,
    )  # fmt: skip
    reward = decoding.HiddenStateReward(head.config, work.samples)
    params = own_engine.policy_params(self._model, head)
    return functools.partial(
      self._search, "head", (policy, reward), (params, None), self._depth
    )

  @property
  def _depth(self) -> int:
    return -(-self._work.new_tokens // self._step_tokens)

  @property
  def rebase_name(self) -> str:
    """The name of the task that searches in equal steps."""
    return self._name("equal")

  @property
  def head_name(self) -> str:
    """The name of the task whose reward is a value head on the policy."""
    return self._name("head")

  def describe(self, times: dict[str, timing.Seconds]) -> list[table.Row]:
    """Turns times into rows of the table.

    Args:
      times: of the tasks.

    Returns:
      Tokens a second and overheads.
    """
    drawn = self._work.tokens
    alone, scoring = (
      times[self._name(name)] for name in ("sampling", "reward")
    )
    rows = [
      self._row("sampling", drawn, alone, ""),
      self._row("reward model alone", drawn, scoring, ""),
    ]
    for kind in _FORMATS:
      tokens = self.tokens[kind]
      seconds = times[self._name(kind)]
      over = overhead(seconds, alone, scoring, tokens / drawn)
      rows += [
        self._row(f"REBASE, {kind} steps", tokens, seconds, f"{tokens} tokens"),
        table.Row(
          "search", f"{self.dtype}: REBASE, {kind} steps, overhead",
          over.median, "%", "more time than sampling as many tokens and "
          "scoring them", over.rounds,
        ),
      ]  # fmt: skip
    tokens = self.tokens["head"]
    return [*rows, self._row(
      "REBASE, equal steps, value head on the policy", tokens,
      times[self.head_name], f"{tokens} tokens",
    )]  # fmt: skip

  def _row(
    self, what: str, tokens: int, seconds: timing.Seconds, note: str
  ) -> table.Row:
    return table.Row(
      "search", f"{self.dtype}: {what}", tokens / seconds.median, "tokens/s",
      note,
      tuple(tokens / value for value in seconds.rounds),
    )  # fmt: skip

  def _search(
    self,
    kind: str,
    pair: tuple[base.Policy, base.Reward],
    params: tuple[Any, Any],
    depth: int,
  ) -> list[decoding.Finished]:
    finished = list(
      decoding.continuous_batching(
        *pair, search_lib.rebase(_TEMPERATURE), *params,
        own_engine.problems(self._prompts), 0, self._work.problems, depth,
      )
    )  # fmt: skip
    self.tokens[kind] = sum(
      int(search.policy_counts.decode) for search in finished
    )
    return finished

  def _name(self, what: str) -> str:
    return f"{self.dtype}, {what}"


def overhead(
  search: timing.Seconds,
  sampling: timing.Seconds,
  scoring: timing.Seconds,
  part: float,
) -> timing.Seconds:
  """Computes how much more time a search takes than its tokens must.

  Args:
    search: of the whole search.
    sampling: of drawing some tokens, without a search.
    scoring: of scoring as many tokens.
    part: the tokens of the search, as a part of that number.

  Returns:
    In percent of sampling and scoring the tokens of the search.
  """
  return timing.combine(
    lambda whole, alone, scored: 100 * (whole / (part * (alone + scored)) - 1),
    search, sampling, scoring,
  )  # fmt: skip


def measure(
  subject: subjects.Subject,
  work: work_lib.Work,
  dtypes: Sequence[str],
  repeats: int,
  folder: pathlib.Path | None = None,
) -> list[table.Row]:
  """Measures searches in all dtypes, and that of another engine, in turns.

  Args:
    subject: the models.
    work: how much is drawn.
    dtypes: of their weights.
    repeats: rounds.
    folder: where converted models go; None to leave the other engine out.

  Returns:
    Rows of the table.
  """
  searches = [Search(subject, work, dtype) for dtype in dtypes]
  tasks = {k: v for search in searches for k, v in search.tasks().items()}
  rival = rival_search.Rival(
    subject, work, min(STEP_TOKENS, work.new_tokens), _TEMPERATURE, folder
  )
  times = timing.interleave(tasks | rival.tasks(), repeats)
  own = {
    "REBASE, equal steps": {
      search.dtype: times[search.rebase_name] for search in searches
    },
    "REBASE, equal steps, value head on the policy": {
      search.dtype: times[search.head_name] for search in searches
    },
  }
  rows = [row for search in searches for row in search.describe(times)]
  return rows + rival.describe(times, own)


def prepare(
  subject: subjects.Subject, work: work_lib.Work, dtype: str, search: bool
) -> tuple[timing.Task, timing.Task | None]:
  """Loads what a separate process measures.

  Args:
    subject: the models.
    work: how much is drawn.
    dtype: of their weights.
    search: whether to load a reward model and search, too.

  Returns:
    Sampling, and the search or None.
  """
  if search:
    both = Search(subject, work, dtype)
    return both.sample, both.rebase("equal")
  sampler = own_engine.Sampler(subject.policy(dtype))
  prompts = subject.prompts(work.problems, work.prompt_tokens)
  draw = functools.partial(sampler, prompts, work.samples, work.new_tokens)
  return draw, None
