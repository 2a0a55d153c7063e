"""The searches of a sweep: runs that share their programs, as workloads."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any

from inference_scaling import decoding, models, names, search, spec
from inference_scaling.decoding.memory import abstract
from inference_scaling.models import published
from inference_scaling.models.checkpoints import digest
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats
from inference_scaling.plan import workload as workload_lib
from inference_scaling.sweep import engine, strategies
from inference_scaling.sweep import problems as problems_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.ports import loading


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
  sweep = spec.read_sweep(config)
  if sweep.dtype == names.AUTO:
    dtype = formats.fastest(devices or hardware.Hardware("tpu", 1))
    sweep = sweep.model_copy(update={"dtype": dtype})
  one = type(sweep.mesh)(data=1, model=1)
  settings = settings_lib.make_settings(sweep.model_copy(update={"mesh": one}))
  count = num_problems or len(problems_lib.load(sweep.task))
  reward, head = None, None
  if sweep.reward.format == names.VALUE_HEAD:
    head = models.open_value_head(sweep.reward.source, sweep.reward.body)
  elif sweep.reward.has_model:
    reward = architecture(sweep.reward.source)
  groups: dict[Any, Group] = {}
  for run in spec.expand(sweep.runs):
    if run.policy in sweep.speculative:
      raise ValueError(
        f"config.speculative.{run.policy} is made of two policies, and plans "
        "are of searches with one; expected runs of config.policies alone. "
        "Plan its draft and its target, each as a policy of its own."
      )
    shape = engine.shape(
      run, settings.limits.max_steps, settings.rows_per_problem
    )
    strategy = strategies.make(
      run.strategy, run.n, run.hyperparameters, settings.limits.max_steps
    )
    sampled = not spec.is_greedy(run.strategy)
    rows = shape.num_rows if settings.rows_per_problem else shape.num_beams
    layers = _read_layers(sweep, run.policy, head)
    work = workload_lib.Workload(
      name=f"{run.policy}, {run.strategy}, n = {run.n}",
      search=abstract.Search(
        policy=architecture(sweep.policies[run.policy]),
        reward=head.checkpoint.config if head and not layers else reward,
        reward_format=settings.reward_format,
        dtype=sweep.dtype_of(run.policy),
        reward_dtype=settings.dtype,
        limits=(settings.limits.for_value_head if layers else settings.limits),
        reward_limits=settings.reward_limits or settings.limits,
        cache=settings.cache,
        tree_tokens=settings.tree_tokens,
        attention=settings.attention,
        value_layers=layers,
        confidence_tokens=settings.confidence.tokens,
        confidence_window=(
          settings.confidence.window
          if settings.reward_format == names.GROUP_CONFIDENCE
          else 0
        ),
      ),
      problems=engine.slots(sweep.batch_size, rows, count),
      beams=shape.num_beams,
      strategy=strategy,
      max_depth=shape.max_depth,
      rows=shape.num_rows,
      top_k=sampled and bool(settings.sampler.top_k),
      top_p=sampled and settings.sampler.top_p < 1,
    )
    key = (
      run.policy, shape, work.problems, strategy.static_part, work.top_k,
      work.top_p,
    )  # fmt: skip
    before = groups.get(key)
    groups[key] = Group(
      work, 1 + (before.num_runs if before else 0), count,
      spec.block_of(run.strategy).keeps_nodes,
      (sweep.mesh.data, sweep.mesh.model),
    )  # fmt: skip
  return sorted(groups.values(), key=_size, reverse=True)


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
    ValueError: as of `architecture`, or for a limit below 1.
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
      policy=architecture(texts["policy"]),
      reward=architecture(reward) if reward else None,
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


def architecture(source: str) -> models.DecoderConfig:
  """Finds the architecture of a model; its weights are not read.

  Args:
    source: name of a published architecture, or as `models.read_architecture`.

  Returns:
    The architecture.

  Raises:
    ValueError: for a name that nobody knows, or a function of the user's own.
    OSError: for a checkpoint that is not there.
  """
  if source in published.published_names():
    return published.published_config(source)
  if loading.is_port(source):
    raise ValueError(
      f"{source} is a function of your own; programs are compiled for models "
      "of this package only. Take it out of the config, or give a model: "
      "--config.policies.NAME=llemma_7b."
    )
  if "/" not in source and not pathlib.Path(source).exists():
    raise ValueError(
      f"{source!r} is neither a folder or file nor one of the published "
      f"architectures: {', '.join(published.published_names())}."
    )
  return models.read_architecture(source)


def _read_layers(sweep: spec.Sweep, policy: str, head: Any) -> tuple[int, ...]:
  """Layers of a policy that a value head reads; () for one that is no body."""
  source = sweep.policies[policy]
  if head is None or sweep.dtype_of(policy) != sweep.dtype:
    return ()
  if architecture(source) != head.whole.config:
    return ()
  if source in published.published_names():
    return ()  # nobody's weights
  sha256 = digest.sha256(models.open_checkpoint(source), source)
  same = sha256 == head.description.body_sha256
  return head.description.layers if same else ()


def _size(group: Group) -> tuple[str, int]:
  work = group.workload
  return work.name.partition(",")[0], work.problems * work.beams
