"""Reads a config into a sweep: what its keys must be together is checked."""

from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np

from inference_scaling import names
from inference_scaling.spec import grid, strategy
from inference_scaling.spec import reward as reward_lib
from inference_scaling.spec import sweep as sweep_lib
from inference_scaling.spec.checking import messages, speculative


def read_sweep(
  config: ml_collections.ConfigDict | Mapping[str, Any],
) -> sweep_lib.Sweep:
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
  if isinstance(config, sweep_lib.Sweep):
    return config
  sweep = messages.read(sweep_lib.Sweep, _plain(config), "config")
  every = (*sweep.policies, *sweep.speculative)
  runs = {
    name: block
    if block.policies is not None
    else block.model_copy(update={"policies": every})
    for name, block in sweep.runs.items()
  }
  sweep = sweep.model_copy(update={"runs": runs})
  _check_cache(sweep)
  check_steps(sweep.limits, "config.limits")
  if isinstance(sweep.reward, reward_lib.External):
    check_steps(sweep.reward, "config.reward")
  _check_format(sweep.format)
  _check_confidence(sweep)
  _check_dtypes(sweep)
  _check_thinking(sweep)
  speculative.check(sweep)
  for name, block in sweep.runs.items():
    _check_block(sweep, block, f"config.runs.{name}")
  grid.expand(sweep.runs)
  return sweep


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
  return ml_collections.ConfigDict(
    _tuples(sweep_lib.to_json(read_sweep(config)))
  )


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
    ValueError: if it chooses beams by rewards that there are not, that only
      whole solutions have, or that are no probabilities where it needs such.
  """
  rewards, block = reward_lib.REWARDS[reward_format], strategy.block_of(name)
  if _fits(block, reward_format):
    return
  if block.only_format is not None:
    raise ValueError(
      f"{where} is {name!r}, which reads how sure the policy is of groups of "
      f"tokens, but the format of rewards is {reward_format!r}; expected "
      f"{block.only_format!r}. Set config.reward.format to it and "
      "config.confidence.window to the tokens of a group, or leave this "
      "strategy out."
    )
  lack = "no probabilities" if rewards.has_scores else "no rewards"
  if not rewards.has_steps:
    lack = "one score of a whole solution and none of its steps"
  free = sorted(
    other
    for other, block in strategy.STRATEGIES.items()
    if _fits(block, reward_format)
  )
  raise ValueError(
    f"{where} is {name!r}, which chooses beams by their rewards, but the "
    f"format of rewards is {reward_format!r}, which gives {lack}; expected one "
    f"of {', '.join(free)}. Give a reward model"
    f"{'' if rewards.has_steps else ' of steps'}, or leave this strategy out."
  )


def _fits(block: type[strategy.Block], reward_format: str) -> bool:
  rewards = reward_lib.REWARDS[reward_format]
  if block.only_format not in (None, reward_format):
    return False
  steps = rewards.has_steps or not block.needs_steps
  if block.needs_reward and not (rewards.has_scores and steps):
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


def _check_cache(sweep: sweep_lib.Sweep) -> None:
  """Checks that space in a tree is given to a tree."""
  if sweep.cache != names.TREE and sweep.tree_tokens:
    raise ValueError(
      f"config.tree_tokens is {sweep.tree_tokens}; expected 0 where "
      f"config.cache is {sweep.cache!r}, which has space for all tokens. "
      "Give --config.tree_tokens=0 or --config.cache=tree."
    )


def _check_format(step_format: sweep_lib.Format) -> None:
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


def _check_confidence(sweep: sweep_lib.Sweep) -> None:
  """Checks that the probabilities of tokens are known where they are kept."""
  if not sweep.confidence.window:
    if sweep.reward.format == names.GROUP_CONFIDENCE:
      raise ValueError(
        f"config.reward.format is {sweep.reward.format!r}, but "
        "config.confidence.window is 0; expected how many tokens are a group, "
        "such as 2048. Set it, or choose another format."
      )
    return
  for policy, source in sweep.policies.items():
    if source.startswith(names.PYTHON_PREFIX):
      raise ValueError(
        f"config.confidence.window is {sweep.confidence.window}, but "
        f"config.policies.{policy} is {source!r}, a function of your own, "
        "whose probabilities of tokens are not known; expected 0. Set it to 0 "
        "or leave the policy out."
      )


def _check_named(
  sweep: sweep_lib.Sweep, policy: str, key: str, what: str
) -> None:
  """Checks that a policy of which something is said is loaded."""
  if policy not in sweep.policies:
    raise ValueError(
      f"{key}, but config.policies has no {policy!r}; expected names of "
      f"{', '.join(sorted(sweep.policies))}. Name the policy there, too, or "
      f"leave its {what} out."
    )


def _check_dtypes(sweep: sweep_lib.Sweep) -> None:
  """Checks that dtypes are of policies that are loaded."""
  for policy, dtype in sweep.policy_dtypes.items():
    key = f"config.policy_dtypes.{policy} is {dtype!r}"
    _check_named(sweep, policy, key, "dtype")
    if sweep.policies[policy].startswith(names.PYTHON_PREFIX):
      raise ValueError(
        f"{key}, but config.policies.{policy} is {sweep.policies[policy]!r}; "
        "expected no dtype for a function of your own, which chooses it "
        "itself. Leave it out."
      )


def _check_thinking(sweep: sweep_lib.Sweep) -> None:
  """Checks that policies of this package think, and come to an end."""
  for policy, thinking in sweep.thinking.items():
    path = f"config.thinking.{policy}"
    _check_named(sweep, policy, f"{path} is there", "thinking")
    if sweep.policies[policy].startswith(names.PYTHON_PREFIX):
      raise ValueError(
        f"{path} is there, but config.policies.{policy} is "
        f"{sweep.policies[policy]!r}; expected no thinking of a function of "
        "your own, which ends its steps itself. Leave it out."
      )
    if thinking.close not in thinking.end:
      raise ValueError(
        f"{path}.end is {thinking.end!r}; expected a text with {path}.close, "
        f"{thinking.close!r}, in it, which is what ends the thinking."
      )
    if thinking.close in thinking.wait:
      raise ValueError(
        f"{path}.wait is {thinking.wait!r}; expected a text without "
        f"{path}.close, {thinking.close!r}, which would end the thinking that "
        "is to go on."
      )


def _check_block(
  sweep: sweep_lib.Sweep, block: strategy.Block, path: str
) -> None:
  """Checks a block of runs against the rest of the sweep."""
  check_reward(block.strategy, sweep.reward.format, f"{path}.strategy")
  for policy in block.policies or ():
    known = {*sweep.policies, *sweep.speculative}
    if policy not in known:
      raise ValueError(
        f"{path}.policies has {policy!r}, which config.policies lacks; "
        f"expected some of {', '.join(sorted(known))}."
      )
    for key, value in block.thinking.items():
      if value is not None and policy not in sweep.thinking:
        raise ValueError(
          f"{path}.{key} is {value}, but config.thinking has no {policy!r}, "
          f"which is one of {path}.policies; expected policies that think "
          f"({', '.join(sorted(sweep.thinking)) or 'none does'}). Name those "
          "alone, or say how this one thinks."
        )
