"""Batch utilisation, and what searches cost on real lengths.

The embedded family on the problems of its test set: steps and solutions differ
in length, so that beams and problems wait for each other.
"""

import functools

from inference_scaling import decoding, models, sweep, tasks
from inference_scaling import search as search_lib
from inference_scaling.benchmark import own_engine, table, timing
from inference_scaling.decoding.batching import statistics
from inference_scaling.search import base
from inference_scaling.tasks import synthetic

# Two models of one size.
_POLICY, _REWARD = "embedded/policy_large", "embedded/reward"
_BATCH_SIZE, _BEAMS = 256, 16
_SAMPLING, _REBASE = "sampling, scored", "REBASE"


class RealLengths:
  """Searches of the first problems of the test set, as configs/demo.py does.

  Attributes:
    stats: of the batch, in the last run of each search.
  """

  def __init__(self, problems: int):
    """Loads both models.

    Args:
      problems: how many.
    """
    self._model = models.load_model(_POLICY)
    self._reward_model = models.load_reward_model(_REWARD)
    self._limits = decoding.Limits(112, 32, 128, max_steps=8)
    settings = sweep.EMBEDDED_SETTINGS
    self._policy = decoding.ModelPolicy(
      self._model, settings.step_format, self._limits, _BEAMS
    )
    self._reward = decoding.ModelReward(
      self._reward_model, self._limits, _BEAMS
    )
    self._prompts = [
      tasks.make_prompt(
        settings.prompt, problem.question, self._model.tokenizer
      )
      for problem in synthetic.generate("test", problems, seed=0)
    ]
    self.stats: dict[str, statistics.BatchStats] = {}

  def tasks(self) -> dict[str, timing.Task]:
    """Makes the searches.

    Returns:
      Tasks for `timing.interleave`.
    """
    strategies = {
      _SAMPLING: search_lib.sampling(),
      _REBASE: search_lib.rebase(0.1),
    }
    return {
      name: functools.partial(self._search, name, strategy)
      for name, strategy in strategies.items()
    }

  def describe(self, times: dict[str, timing.Seconds]) -> list[table.Row]:
    """Turns times into rows of the table.

    Args:
      times: of the tasks.

    Returns:
      Batch utilisation, tokens per second and the overhead.
    """
    rows = []
    for name, stats in self.stats.items():
      seconds = times[name]
      rows += [
        table.Row(
          "batch utilisation", f"{name}, {_BEAMS} beams",
          100 * stats.utilisation, "%",
          f"{stats.tokens:,} of {stats.row_steps:,} rows drew a token; "
          f"{len(self._prompts)} problems of the embedded test set, "
          f"batch size {_BATCH_SIZE}",
        ),
        table.Row(
          "batch utilisation", f"{name}: speed", stats.tokens / seconds.median,
          "tokens/s", "",
          tuple(stats.tokens / value for value in seconds.rounds),
        ),
      ]  # fmt: skip
    part = self.stats[_REBASE].tokens / self.stats[_SAMPLING].tokens
    over = timing.combine(
      lambda rebase, sampling: 100 * (rebase / (part * sampling) - 1),
      times[_REBASE], times[_SAMPLING],
    )  # fmt: skip
    rows.append(
      table.Row(
        "batch utilisation", "overhead of REBASE", over.median, "%",
        "more time than drawing and scoring as many tokens", over.rounds,
      )
    )  # fmt: skip
    return rows

  def _search(
    self, name: str, strategy: base.Strategy
  ) -> list[decoding.Finished]:
    """Runs one search and measures its batch utilisation."""
    self.stats[name] = stats = statistics.BatchStats()
    return list(
      decoding.continuous_batching(
        self._policy, self._reward, strategy,
        own_engine.policy_params(self._model), self._reward_model.params,
        own_engine.problems(self._prompts), 0, _BATCH_SIZE // _BEAMS,
        self._limits.max_steps, stats=stats,
      )
    )  # fmt: skip


def measure(problems: int, repeats: int) -> list[table.Row]:
  """Measures searches on real lengths, in turns.

  Args:
    problems: of the test set.
    repeats: rounds.

  Returns:
    Rows of the table.
  """
  searches = RealLengths(problems)
  return searches.describe(timing.interleave(searches.tasks(), repeats))
