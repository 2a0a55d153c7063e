"""What a sweep is about, looked up before anything is computed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from inference_scaling import runtime, spec, tasks
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  checkpoints,
  processes,
)
from inference_scaling.sweep import problems as problems_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.records import folder
from inference_scaling.sweep.speculation import pair


@dataclasses.dataclass(frozen=True)
class Prepared:
  """A sweep with its problems and its models' checkpoints; none is loaded.

  Attributes:
    sweep: what is asked.
    problems: all of them.
    policies: their checkpoints, by name, and those that are made of two.
    reward: that of the reward model; None for none.
    runs: all runs, those first that complete curves early.
  """

  sweep: spec.Sweep
  problems: Sequence[tasks.Problem]
  policies: Mapping[str, checkpoints.Model | pair.Pair]
  reward: checkpoints.Model | None
  runs: Sequence[grid.Run]

  @property
  def parameters(self) -> dict[str, int]:
    """Number of weights of each policy, by its name."""
    return {name: model.parameters for name, model in self.policies.items()}

  def content(self) -> dict[str, Any]:
    """Says what the sweep is, as JSON data for the folder of its results."""
    return folder.content(
      self.sweep, self.policies, self.reward, len(self.problems)
    )

  def check_same(self, content: Mapping[str, Any]) -> None:
    """Checks that all processes of this program were given the same sweep.

    Args:
      content: of this sweep.

    Raises:
      ValueError: in all of them, naming what differs.
    """
    problems = [dataclasses.asdict(problem) for problem in self.problems]
    processes.check_same(
      {"config or checkpoints": content, "problems": problems}
    )


def prepare(config: ml_collections.ConfigDict | Mapping[str, Any]) -> Prepared:
  """Reads a config, its problems, and what its checkpoints say of themselves.

  Args:
    config: as configs/demo.py makes it.

  Returns:
    The sweep; its dtype is chosen.

  Raises:
    ValueError: on a config, a checkpoint or a problem file that is not as it
      should be, or a process of another number of threads.
    FileNotFoundError: if a file is missing.
  """
  sweep = spec.read_sweep(config)
  runtime.check_threads(sweep.threads)
  sweep = settings_lib.choose_dtype(sweep)
  problems = problems_lib.load(sweep.task)
  policies = {
    name: checkpoints.policy(path) for name, path in sweep.policies.items()
  }
  reward = None
  if sweep.reward.has_model:
    reward = checkpoints.reward(
      sweep.reward.source, sweep.reward.format,
      getattr(sweep.reward, "body", ""),
    )  # fmt: skip
  every = policies | pair.pairs(sweep, policies)
  parameters = {name: model.parameters for name, model in every.items()}
  runs = grid.by_cost(grid.expand(sweep.runs), parameters)
  return Prepared(sweep, problems, every, reward, runs)
