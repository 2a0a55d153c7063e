"""The searches of a sweep: runs that share their programs, as workloads."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from inference_scaling import decoding, names, search, spec
from inference_scaling.decoding.memory import abstract
from inference_scaling.models.layers import hardware
from inference_scaling.plan import workload as workload_lib
from inference_scaling.plan.searches import planned
from inference_scaling.spec import grid
from inference_scaling.sweep import engine, strategies


@dataclasses.dataclass(frozen=True)
class Group:
  """Runs that share their programs.

  Attributes:
    workload: their search; P is rounded up by the mesh.
    num_runs: how many they are.
    num_problems: of each run; None where nobody said.
    keeps_nodes: whether beams are nodes, each of one step.
    mesh: data and model that the sweep asks for, or None.
  """

  workload: workload_lib.Workload
  num_runs: int = 1
  num_problems: int | None = None
  keeps_nodes: bool = False
  mesh: tuple[int, int] | None = None

  def passes(self, mean_tokens: int, step_tokens: int) -> int:
    """Tokens that each active row of a problem is given.

    Args:
      mean_tokens: of a text.
      step_tokens: of a step.

    Returns:
      Passes of the policy for a problem, at the least.
    """
    work = self.workload
    ahead = 1 + work.strategy.lookahead
    if self.keeps_nodes:
      return work.max_depth * step_tokens * ahead
    turns = math.ceil(work.beams / (work.rows or work.beams))
    return mean_tokens * turns * ahead


def of_sweep(
  config: Any,
  num_problems: int | None,
  devices: hardware.Hardware | None = None,
) -> list[Group]:
  """Lists the searches of a sweep.

  Args:
    config: as configs/demo.py makes it. Sources may also be names of published
      architectures.
    num_problems: of the task; None to load and count them.
    devices: for which "auto" chooses a dtype; None for any accelerator.

  Returns:
    The searches, the largest of each policy first.

  Raises:
    ValueError: for a config that is wrong, or a function of the user's own,
      which is no model of this package.
    OSError: for a file that is missing or cannot be fetched.
  """
  read = planned.read(config, num_problems, devices)
  mesh = (read.sweep.mesh.data, read.sweep.mesh.model)
  groups: dict[Any, Group] = {}
  for run in spec.expand(read.sweep.runs):
    work = _workload(read, run)
    key = (
      run.policy, work.problems, work.beams, work.rows, work.max_depth,
      work.strategy.static_part, work.top_k, work.top_p,
    )  # fmt: skip
    before = groups.get(key)
    groups[key] = Group(
      work, 1 + (before.num_runs if before else 0), read.num_problems,
      spec.block_of(run.strategy).keeps_nodes, mesh,
    )  # fmt: skip
  return sorted(groups.values(), key=_size, reverse=True)


def _workload(read: planned.Planned, run: grid.Run) -> workload_lib.Workload:
  """The search of a run."""
  settings, sampler = read.settings, read.settings.sampler
  max_steps = settings.limits.max_steps
  shape = engine.shape(run, max_steps, settings.rows_per_problem)
  sampled = not spec.is_greedy(run.strategy)
  rows = shape.num_rows if settings.rows_per_problem else shape.num_beams
  return workload_lib.Workload(
    name=f"{run.policy}, {run.strategy}, n = {run.n}",
    search=_models(read, run.policy),
    problems=engine.slots(read.sweep.batch_size, rows, read.num_problems),
    beams=shape.num_beams,
    strategy=strategies.make(
      run.strategy, run.n, run.hyperparameters, max_steps
    ),
    max_depth=shape.max_depth,
    rows=shape.num_rows,
    top_k=sampled and bool(sampler.top_k),
    top_p=sampled and sampler.top_p < 1,
  )


def _models(read: planned.Planned, policy: str) -> abstract.Search:
  """Models of the searches with a policy, and their buffers."""
  settings, head = read.settings, read.head
  layers = read.value_layers(policy)
  grouped = settings.reward_format == names.GROUP_CONFIDENCE
  return abstract.Search(
    policy=planned.architecture(read.sweep.policies[policy]),
    reward=head.checkpoint.config if head and not layers else read.reward,
    reward_format=settings.reward_format,
    dtype=read.sweep.dtype_of(policy),
    reward_dtype=settings.dtype,
    limits=settings.limits.for_value_head if layers else settings.limits,
    reward_limits=settings.reward_limits or settings.limits,
    cache=settings.cache,
    tree_tokens=settings.tree_tokens,
    attention=settings.attention,
    value_layers=layers,
    confidence_tokens=settings.confidence.tokens,
    confidence_window=settings.confidence.window if grouped else 0,
  )


def of_models(
  texts: Mapping[str, str], numbers: Mapping[str, int | None]
) -> Group:
  """The search of a policy and a reward model.

  It is REBASE, or sampling without a reward model or with one that scores whole
  solutions.

  Args:
    texts: policy, reward ("" for none), reward_format, dtype, cache, attention.
    numbers: problems (P), n (N), rows, tree_tokens, max_steps, prompt_tokens,
      step_tokens and total_tokens, the last two also of the reward model, as
      reward_step_tokens; num_problems of a sweep, or None.

  Returns:
    The search.

  Raises:
    ValueError: as of `planned.architecture`, or for a limit below 1.
    OSError: likewise.
  """
  size: Any = numbers
  limits, reward_limits = (
    decoding.Limits(
      size["prompt_tokens"], size[f"{owner}step_tokens"],
      size[f"{owner}total_tokens"], size["max_steps"],
    )
    for owner in ("", "reward_")
  )  # fmt: skip
  reward = texts["reward"]
  form = texts["reward_format"] if reward else names.NO_REWARD
  if not spec.REWARDS[form].has_steps:
    limits, reward_limits = limits.whole, reward_limits.whole
  words = f"{reward} ({form})" if reward else "none"
  work = workload_lib.Workload(
    name=f"policy {texts['policy']}, reward model {words}",
    search=abstract.Search(
      policy=planned.architecture(texts["policy"]),
      reward=planned.architecture(reward) if reward else None,
      reward_format=form,
      dtype=texts["dtype"],
      limits=limits,
      reward_limits=reward_limits,
      cache=texts["cache"],
      tree_tokens=size["tree_tokens"],
      attention=texts["attention"],
    ),
    problems=size["problems"],
    beams=size["n"],
    strategy=search.rebase()
    if reward and spec.REWARDS[form].has_steps
    else search.sampling(),
    max_depth=limits.max_steps,
    rows=size["rows"] and min(size["rows"], size["n"]),
  )
  return Group(work, 1, size["num_problems"])


def _size(group: Group) -> tuple[str, int]:
  work = group.workload
  return work.name.partition(",")[0], work.problems * work.beams
