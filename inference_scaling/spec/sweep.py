"""A sweep: what is asked of which models, by which strategies."""

from collections.abc import Mapping
from typing import Annotated, Any

import ml_collections
import numpy as np

from inference_scaling import names
from inference_scaling.spec import grid, strategy
from inference_scaling.spec import prompt as prompt_lib
from inference_scaling.spec import reward as reward_lib
from inference_scaling.spec import task as task_lib
from inference_scaling.spec.checking import fields, messages


class Mesh(fields.Group):
  """Devices: their product is the number that is used."""

  data: fields.PositiveInt = fields.key(
    1, "Devices that share out the problems."
  )
  model: fields.PositiveInt = fields.key(
    1, "Devices that share out each model."
  )


class Sampler(fields.Group):
  """How tokens are drawn; greedy runs take temperature 0 and no filter."""

  temperature: fields.NonNegativeFloat = fields.key(
    1.0, "Temperature of the policy's distribution."
  )
  top_k: fields.NonNegativeInt = fields.key(
    0, "Most tokens to draw from; 0 for no limit."
  )
  top_p: fields.Fraction = fields.key(
    1.0, "Least probability that they hold together; 1 for all."
  )


class Format(fields.Group):
  """What ends a step and announces an answer."""

  step_end: Annotated[tuple[str, ...], fields.several(fields.Text, least=0)] = (
    fields.key(("\n\n",), "Texts that end a step; none: one step is all.")
  )
  answer_markers: fields.Texts = fields.key(
    ("The answer is",), "Texts after which a solution ends with its step."
  )


class Limits(fields.Group):
  """Most tokens and steps of the policies, as in the paper."""

  prompt_tokens: fields.PositiveInt = fields.key(
    1024, "Most tokens of a prompt."
  )
  step_tokens: fields.PositiveInt = fields.key(256, "Most tokens of a step.")
  total_tokens: fields.PositiveInt = fields.key(
    1024, "Most tokens of a solution."
  )
  max_steps: fields.PositiveInt = fields.key(25, "Most steps of a solution.")


_Aggregations = Annotated[
  tuple[str, ...],
  fields.several(Annotated[str, fields.one_of(*names.AGGREGATIONS)]),
]


_POLICIES = fields.Named(
  "a group of names, each with the text of a checkpoint, as "
  "{'small': 'embedded/policy_small'}",
  checked=True,
)
_RUNS = fields.Named(
  "a group of names, each with a block of runs, as "
  "{'tree': {'strategy': 'rebase', 'n': (16,)}}"
)


class Sweep(fields.Group):
  """A sweep. What a config leaves out has its default."""

  task: task_lib.AnyTask = fields.required("Where problems come from.")
  policies: Annotated[dict[str, fields.Text], _POLICIES] = fields.required(
    "Checkpoints by name: a folder, a GGUF file, a repository of the hub, "
    "embedded/NAME, random/NAME or python:MODULE:FUNCTION."
  )
  reward: reward_lib.AnyReward = fields.key(
    reward_lib.NoReward(format=names.NO_REWARD),
    "Where the scores of steps come from.",
  )
  prompt: prompt_lib.AnyPrompt = fields.key(
    prompt_lib.Plain(kind="plain"), "How questions are put to the policies."
  )
  runs: Annotated[dict[str, strategy.AnyBlock], _RUNS] = fields.required(
    "Blocks of runs, by any names."
  )
  sampler: Sampler = fields.key(Sampler(), "How tokens are drawn.")
  format: Format = fields.key(Format(), "What ends a step, and a solution.")
  limits: Limits = fields.key(Limits(), "Most tokens and steps of a solution.")
  aggregations: _Aggregations = fields.key(
    names.AGGREGATIONS, "How the scores of steps become one, for votes."
  )
  percent: Annotated[str, fields.one_of(*names.PERCENT)] = fields.key(
    names.PERCENT[0],
    "What 28% agrees with: either 28 or 0.28, or its value alone.",
  )
  dtype: Annotated[str, fields.one_of(*names.DTYPES)] = fields.key(
    names.DTYPES[0], "Dtype of weights, activations and caches."
  )
  mesh: Mesh = fields.key(Mesh(), "Number of devices on each axis.")
  batch_size: fields.PositiveInt = fields.key(
    256, "Batch size: beams that are decoded at once, of all problems."
  )
  rows_per_problem: fields.NonNegativeInt = fields.key(
    0,
    "Beams of a problem that are decoded at once; the others take turns, and "
    "more problems are searched at once. 0 for all.",
  )
  cache: Annotated[str, fields.one_of(*names.CACHES)] = fields.key(
    names.CACHES[0],
    "How keys and values of beams are kept: each beam its own, or each "
    "distinct token of a problem once.",
  )
  tree_tokens: fields.NonNegativeInt = fields.key(
    0,
    "Space for a problem's distinct tokens in a tree; 0 for all there can be.",
  )


def read_sweep(config: ml_collections.ConfigDict | Mapping[str, Any]) -> Sweep:
  """Turns a config into a sweep and checks all of it.

  Args:
    config: as configs/demo.py makes it; keys that it leaves out have their
      defaults.

  Returns:
    The sweep.

  Raises:
    ValueError: on unknown and missing keys and values that are not allowed;
      the message names key, value, what was expected and what to do.
  """
  if isinstance(config, Sweep):
    return config
  sweep = messages.read(Sweep, _plain(config), "config")
  runs = {
    name: block
    if block.policies is not None
    else block.model_copy(update={"policies": tuple(sweep.policies)})
    for name, block in sweep.runs.items()
  }
  sweep = sweep.model_copy(update={"runs": runs})
  _check_cache(sweep)
  check_steps(sweep.limits, "config.limits")
  if isinstance(sweep.reward, reward_lib.External):
    check_steps(sweep.reward, "config.reward")
  _check_format(sweep.format)
  for name, block in sweep.runs.items():
    _check_block(sweep, block, f"config.runs.{name}")
  grid.expand(sweep.runs)
  return sweep


def to_json(sweep: Sweep) -> dict[str, Any]:
  """Turns a sweep into JSON data, which `read_sweep` reads."""
  return sweep.model_dump(mode="json", exclude_none=True)


def complete(
  config: ml_collections.ConfigDict | Mapping[str, Any],
) -> ml_collections.ConfigDict:
  """Writes the defaults into a config, so that a flag can change every key.

  Args:
    config: as `read_sweep`.

  Returns:
    A config with all keys.

  Raises:
    ValueError: as `read_sweep`.
  """
  return ml_collections.ConfigDict(_tuples(to_json(read_sweep(config))))


def check_steps(limits: Any, group: str) -> None:
  """Refuses steps longer than a whole solution.

  Args:
    limits: has `step_tokens` and `total_tokens`.
    group: what errors call the two: "limits".

  Raises:
    ValueError: if the first number is larger.
  """
  if limits.step_tokens > limits.total_tokens:
    raise ValueError(
      f"{group}.step_tokens is {limits.step_tokens}, more than "
      f"{group}.total_tokens, {limits.total_tokens}; expected at most that. "
      "Raise the latter or lower the former."
    )


def check_reward(name: str, reward_format: str, where: str) -> None:
  """Refuses a strategy that asks for more than a sweep's rewards give.

  Args:
    name: of a strategy that is known.
    reward_format: of `config.reward`.
    where: what the error calls the strategy: "config.runs.tree.strategy".

  Raises:
    ValueError: if it chooses beams by rewards that there are not, or that are
      no probabilities where it needs such.
  """
  rewards = reward_lib.REWARDS[reward_format]
  if _fits(strategy.block_of(name), rewards):
    return
  lack = "no probabilities" if rewards.has_scores else "no rewards"
  free = sorted(
    other
    for other, block in strategy.STRATEGIES.items()
    if _fits(block, rewards)
  )
  raise ValueError(
    f"{where} is {name!r}, which chooses beams by their rewards, but the "
    f"format of rewards is {reward_format!r}, which gives {lack}; expected one "
    f"of {', '.join(free)}. Give a reward model, or leave this strategy out."
  )


def _fits(
  block: type[strategy.Block], rewards: type[reward_lib.Reward]
) -> bool:
  if block.needs_reward and not rewards.has_scores:
    return False
  return rewards.has_probabilities or not block.needs_probabilities


def _plain(value: Any) -> Any:
  """Turns ConfigDicts and tuples into dicts and lists, as JSON would."""
  if isinstance(value, (ml_collections.ConfigDict, Mapping)):
    return {str(key): _plain(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_plain(item) for item in value]
  if isinstance(value, (np.ndarray, np.generic)):
    return value.tolist()
  return value


def _tuples(value: Any) -> Any:
  """Turns lists into tuples: flags of ml_collections can change these whole."""
  if isinstance(value, dict):
    return {key: _tuples(item) for key, item in value.items()}
  return tuple(value) if isinstance(value, list) else value


def _check_cache(sweep: Sweep) -> None:
  """Checks that space in a tree is given to a tree."""
  if sweep.cache != names.TREE and sweep.tree_tokens:
    raise ValueError(
      f"config.tree_tokens is {sweep.tree_tokens}; expected 0 where "
      f"config.cache is {sweep.cache!r}, which has space for all tokens. "
      "Give --config.tree_tokens=0 or --config.cache=tree."
    )


def _check_format(step_format: Format) -> None:
  """Checks that what ends a step does not announce an answer, too."""
  both = [
    text for text in step_format.answer_markers if text in step_format.step_end
  ]
  if both:
    raise ValueError(
      f"config.format.answer_markers has {both[0]!r}, which ends a step in "
      "config.format.step_end, so that each solution would end with its first "
      "step; expected another text, such as 'The answer is'. Take it out of "
      "either."
    )


def _check_block(sweep: Sweep, block: strategy.Block, path: str) -> None:
  """Checks a block of runs against the rest of the sweep."""
  check_reward(block.strategy, sweep.reward.format, f"{path}.strategy")
  for policy in block.policies or ():
    if policy not in sweep.policies:
      raise ValueError(
        f"{path}.policies has {policy!r}, which config.policies lacks; "
        f"expected some of {', '.join(sorted(sweep.policies))}."
      )
