"""The loaded models of a sweep, and the records of its searches."""

import datetime
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from inference_scaling import compute, decoding, runtime, tasks
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  checkpoints,
  engine,
  loading,
)
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.ports import port as port_lib
from inference_scaling.sweep.records import candidates, record
from inference_scaling.tasks.code import grader as code_grader

# A record, and what is told of its time.
Made = tuple[dict[str, Any], dict[str, Any]]
# Is told of both, once they are written.
See = Callable[[Mapping[str, Any], Mapping[str, Any]], None]


def see_nothing(record: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
  """Lets a record pass."""


class Searches:
  """Searches problems with the models of a sweep, which are loaded once.

  Attributes:
    engine: the loaded models.
    grader: grades answers; open while this is used as a context manager.
    programs: runs solutions that are programs; None where no problem has such.
  """

  def __init__(
    self,
    prepared: prepared_lib.Prepared,
    began: datetime.date,
    say: Callable[[str], None],
  ):
    """Loads the models.

    Args:
      prepared: the sweep.
      began: day on which it began, which some chat templates print.
      say: takes lines about what is loaded.

    Raises:
      FileNotFoundError, ValueError: as `loading.load_engine`.
      jobs.SandboxError: if programs would run, and no sandbox holds.
      ValueError: as `Engine.check_thinking`.
    """
    self._prepared = prepared
    self._problems = {problem.id: problem for problem in prepared.problems}
    # Before the models: a refusal should not take minutes.
    self.programs = code_grader.make_grader(prepared.problems, say)
    settings = settings_lib.make_settings(prepared.sweep, began)
    self.engine = loading.load_engine(
      prepared.policies, prepared.reward, settings, say
    )
    self.engine.check_thinking(prepared.runs)
    self.grader = tasks.Grader(percent=prepared.sweep.percent)
    self._prompts: dict[str, list] = {}

  def __enter__(self) -> "Searches":
    self.grader.__enter__()
    return self

  def __exit__(self, *exception) -> None:
    self.grader.__exit__(*exception)

  def check_prompts(self, policies: Collection[str]) -> None:
    """Encodes all problems: one too long should not end a sweep after hours.

    Args:
      policies: names of those that are to be asked.

    Raises:
      ValueError: as `Engine.prompts`.
    """
    for policy in policies:
      if policy not in self._prompts:
        self._prompts[policy] = self.engine.prompts(
          policy, list(self._problems.values())
        )

  def num_slots(self, run: grid.Run) -> int:
    """Problems of a run that are in flight, however many of it are left."""
    return engine.num_slots(self._prepared.sweep, run, len(self._problems))

  def search(
    self, run: grid.Run, problems: Collection[int]
  ) -> Iterator[decoding.Finished]:
    """Searches problems of a run; every process of a program must do so.

    Args:
      run: the run.
      problems: ids of those to search.

    Yields:
      Finished searches.

    Raises:
      FloatingPointError, ValueError: as `Engine.search`.
    """
    self.check_prompts([run.policy])
    waiting = [
      prompt for prompt in self._prompts[run.policy] if prompt.id in problems
    ]
    texts = self.engine.texts(run.policy)
    yield from self.engine.search(
      run, waiting, self.num_slots(run),
      lambda number, tree: candidates.answer_classes(
        tree, texts, self._problems[number].options,
        code_grader.reader(self.programs, self._problems[number]),
      ),
    )  # fmt: skip

  def records(self, run: grid.Run, problems: Collection[int]) -> Iterator[Made]:
    """Searches problems of a run, in the process that writes.

    Args:
      run: the run.
      problems: ids of those to search.

    Yields:
      A record, and the line of its time: `seconds` of its search in a batch
      slot, beside others, `machine_seconds` since the record before, whose sum
      is the time of this process, and `memory_bytes` in use, if that is known.

    Raises:
      FloatingPointError, ValueError: as `search`, and for a candidate that
        cannot be recorded.
    """
    maker = self._maker(run)
    last = time.monotonic()
    for finished in self.search(run, problems):
      problem = self._problems[finished.problem_id]
      try:
        made = maker.make(run, problem, finished)
      except ValueError as error:
        raise ValueError(f"run {run}, problem {problem.id}: {error}") from error
      now = time.monotonic()
      yield (
        made,
        {
          "run": run.key,
          "problem": problem.id,
          "seconds": finished.seconds,
          "machine_seconds": now - last,
          "memory_bytes": runtime.memory_in_use(),
        },
      )
      last = now

  def _maker(self, run: grid.Run) -> record.RecordMaker:
    reward = self._prepared.reward
    heads = self.engine.loaded.heads
    return record.RecordMaker(
      texts=self.engine.texts(run.policy),
      policy_cost=self._prepared.policies[run.policy].cost,
      reward_cost=reward.cost if reward else compute.NO_COST,
      grader=self.grader,
      programs=self.programs,
      aggregations=settings_lib.aggregations(self._prepared.sweep),
      dtype=self._dtype(run.policy),
      confidence=self._prepared.sweep.confidence,
      reward_format=self._prepared.sweep.reward.format,
      # Where the policy is the head's body, in the dtype that it reads.
      head_cost=(
        reward.head_cost
        if isinstance(reward, checkpoints.Checkpoint) and run.policy in heads
        else None
      ),
    )

  def _dtype(self, policy: str) -> str:
    """The dtype of a policy; a port's is not known."""
    if isinstance(self._prepared.policies[policy], port_lib.Port):
      return ""
    return self._prepared.sweep.dtype_of(policy)
