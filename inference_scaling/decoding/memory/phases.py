"""The memory that each phase of a search takes beside weights and state.

`plan.py` says how it is counted.
"""

import dataclasses
from collections.abc import Mapping

from inference_scaling import models
from inference_scaling.decoding import sizes
from inference_scaling.decoding.kv_cache import choice
from inference_scaling.decoding.memory import abstract
from inference_scaling.decoding.memory import work as memory_work
from inference_scaling.decoding.tokens import encode_loop
from inference_scaling.models.layers import hardware

_FLOAT32 = 4  # bytes


@dataclasses.dataclass(frozen=True)
class Device:
  """What one device has of a search.

  Attributes:
    problems: P of the device.
    beams: N.
    rows: R.
    scored: Q / P.
    model: devices that share heads, F and V.
    alone: bytes of the state of one problem without its beams' own caches.
    parts: bytes of the state, by what they are for.
    target: what programs are for.
  """

  problems: int
  beams: int
  rows: int
  scored: float
  model: int
  alone: int
  parts: Mapping[str, int]
  target: hardware.Hardware


def phases(search: abstract.Search, device: Device) -> dict[str, int]:
  """What each phase takes on one device.

  Args:
    search: models, lengths and dtype.
    device: what it has of the search.

  Returns:
    Bytes by phase.
  """
  policy = memory_work.Work(
    search.policy, search.limits, device.model, device.rows
  )
  taken = _policy_phases(search, policy, device)
  gathered = taken.rows + policy.array(taken.rows)
  forked = device.parts["policy own"] * policy.fork_window
  by_name = taken.by_name
  if search.reward is not None:
    reward = memory_work.Work(
      search.reward, search.reward_model_limits, device.model, device.rows
    )
    scoring = _reward_phases(search, search.reward, reward, device)
    gathered = max(gathered, scoring.rows + reward.array(scoring.rows))
    forked = max(forked, device.parts["reward own"] * reward.fork_window)
    by_name |= {
      name: max(by_name.get(name, 0), size)
      for name, size in scoring.by_name.items()
    }
  if _is_tree(search):
    return by_name | {"gather": gathered}
  # XLA for TPU writes windows of all problems at once: see `forking.py`.
  copied = device.scored if device.target.is_cpu else 1
  return by_name | {"fork": round(forked * copied)}


@dataclasses.dataclass(frozen=True)
class _Taken:
  """What a model takes.

  Attributes:
    rows: bytes of its rows, and of the prompts beside them.
    by_name: bytes by phase.
  """

  rows: int
  by_name: dict[str, int]


def _policy_phases(
  search: abstract.Search, policy: memory_work.Work, device: Device
) -> _Taken:
  """What a policy takes."""
  prompts, tree = device.parts["policy prompt"], _is_tree(search)
  taken = _are_taken(search, device)
  written = sizes.most_written(search.limits)
  if not tree and policy.stays(device.target):
    rows = 0
  elif device.target.is_cpu:
    rows = policy.rows(prompts, policy.copied(not taken))
  else:
    rows = policy.apart(prompts, taken, tree, written)
  writes = device.problems * device.rows
  logits = writes * search.policy.vocab_size * _FLOAT32 // device.model
  return _Taken(
    rows,
    {
      "start": device.alone + policy.prompt(),
      "extend": rows + max(logits, policy.tokens(writes)),
      "store": rows + policy.array(rows, written),
    },
  )


def _reward_phases(
  search: abstract.Search,
  config: models.DecoderConfig,
  reward: memory_work.Work,
  device: Device,
) -> _Taken:
  """What a reward model takes."""
  prompts = round(device.parts["reward prompt"] * device.scored)
  encoded = round(device.problems * device.rows * device.scored)
  target, tree = device.target, _is_tree(search)
  block = encode_loop.block_size(target, encoded, reward.step)
  if not tree and reward.stays(target):
    rows = 0
  elif target.is_cpu:
    rows = reward.rows(prompts, reward.limits.text_buffer + block)
  else:
    length = encode_loop.encoded_size(target, encoded, reward.step)
    rows = reward.apart(prompts, _are_taken(search, device), tree, length)
  encoded *= block
  work = reward.tokens(encoded)
  if search.reward_format == models.NATIVE_FORMAT:
    vocabulary = config.vocab_size // device.model
    work = max(work, encoded * vocabulary * _FLOAT32)
  return _Taken(
    rows,
    {
      "start": device.alone + reward.prompt(),
      "score": rows + work,
      "store": rows + reward.array(rows, reward.step),
    },
  )


def _is_tree(search: abstract.Search) -> bool:
  return search.cache == choice.TREE


def _are_taken(search: abstract.Search, device: Device) -> bool:
  """Whether rows are taken out of the storage."""
  return _is_tree(search) or device.rows < device.beams
