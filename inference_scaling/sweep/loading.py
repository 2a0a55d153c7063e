"""Loads the models of a sweep, and says what the reward model makes of text."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax

from inference_scaling import decoding, models, names
from inference_scaling.models.layers import decode_attention, hardware
from inference_scaling.sweep import (
  checkpoints,
  engine,
)
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.ports import port as port_lib
from inference_scaling.sweep.progress import unfinished
from inference_scaling.sweep.speculation import pair as pair_lib

_Kind = TypeVar("_Kind")


def load_engine(
  policies: Mapping[str, checkpoints.Model | pair_lib.Pair],
  reward: checkpoints.Model | None,
  settings: settings_lib.Settings,
  say: Callable[[str], None],
) -> engine.Engine:
  """Loads the models of a sweep onto their devices.

  Args:
    policies: their checkpoints by name, or ports, which are loaded already;
      among them pairs, whose two policies are there, too.
    reward: the reward model's checkpoint, or port; None for none.
    settings: how they are used.
    say: takes a line about what the reward model makes of a known good and a
      known bad solution, if its format is not this package's own, and one about
      each policy whose config does not know the end of its tokenizer's texts.

  Returns:
    The engine.

  Raises:
    FileNotFoundError: if a file of a checkpoint is missing.
    ValueError: if a file is cut, a model cannot be run by this package, the
      mesh does not divide it, the limits are beyond what it was made for, the
      settings ask for a kernel on a CPU, or a port's steps cannot be read by
      the reward.
  """
  ports = _of_kind(port_lib.Port, policies)
  files = _of_kind(checkpoints.Checkpoint, policies)
  pairs = _of_kind(pair_lib.Pair, policies)
  for name, port in ports.items():
    _check_reads(name, port, settings.reward_format)
  _check_texts_fit(files, reward, settings)
  kernel = decode_attention.choose(
    settings.attention, hardware.of_mesh(settings.mesh), settings.mesh
  )
  loaded = _load_policies(files, settings, kernel)
  pair_lib.check_tokens(pairs, loaded)
  for name, model in loaded.items():
    line = unfinished.missing_end(files[name].source, model)
    if line is not None:
      say(line)
  heads = _load_heads(files, reward, settings)
  if not isinstance(reward, checkpoints.Checkpoint):
    reward_model = reward
  elif len(heads) == len(policies):
    reward_model = None  # no other policy needs the head's body
  else:
    reward_model = dataclasses.replace(
      _load_reward(reward, settings, say), decode_kernel=kernel
    )
  return engine.Engine(
    engine.Loaded(loaded | ports, reward_model, settings, heads, pairs)
  )


def _of_kind(
  kind: type[_Kind], policies: Mapping[str, Any]
) -> dict[str, _Kind]:
  """The policies of one kind, by name."""
  return {
    name: model for name, model in policies.items() if isinstance(model, kind)
  }


def _load_policies(
  files: Mapping[str, checkpoints.Checkpoint],
  settings: settings_lib.Settings,
  kernel: decode_attention.DecodeKernel | None,
) -> dict[str, models.Model]:
  """Loads checkpoints of policies, each in its dtype."""
  return {
    name: dataclasses.replace(
      models.load_model(
        checkpoint.source,
        dtype=settings.policy_dtypes.get(name, settings.dtype),
        mesh=settings.mesh,
      ),
      decode_kernel=kernel,
    )
    for name, checkpoint in files.items()
  }


def _load_heads(
  files: Mapping[str, checkpoints.Checkpoint],
  reward: checkpoints.Model | None,
  settings: settings_lib.Settings,
) -> dict[str, models.HeadAlone]:
  """Loads a value head without its body, for policies that are its body."""
  bodies = _bodies(files, reward, settings)
  if not bodies or not isinstance(reward, checkpoints.Checkpoint):
    return {}
  head = models.load_value_head(
    reward.source, body=reward.body, mesh=settings.mesh
  )
  return dict.fromkeys(bodies, head)


def _load_reward(
  reward: checkpoints.Checkpoint,
  settings: settings_lib.Settings,
  say: Callable[[str], None],
) -> models.RewardModel:
  """Loads a reward model, and tests one of another format on known texts."""
  if settings.reward_format == names.VALUE_HEAD:
    return models.load_value_model(
      reward.source,
      body=reward.body,
      dtype=settings.dtype,
      mesh=settings.mesh,
    )
  model = models.load_reward_model(
    reward.source,
    reward_format=settings.reward_format,
    dtype=settings.dtype,
    mesh=settings.mesh,
    date=settings.date,
  )
  if model.reward_format is not None:
    test = decoding.self_test(model, jax.jit, settings.mesh)
    say(f"{reward.source}: {test.message}")
  return model


def _bodies(
  policies: Mapping[str, checkpoints.Checkpoint],
  reward: checkpoints.Model | None,
  settings: settings_lib.Settings,
) -> list[str]:
  """Policies whose own hidden states a value head was trained to read."""
  body = getattr(reward, "body_sha256", "")
  return [
    name
    for name, policy in policies.items()
    if body
    and policy.sha256() == body
    # In another dtype than that of rewards its hidden states are others.
    and settings.policy_dtypes.get(name, settings.dtype) == settings.dtype
  ]


def _check_reads(name: str, port: port_lib.Port, reward_format: str) -> None:
  """Raises a ValueError if the reward cannot read the steps of a port."""
  if reward_format in (names.NO_REWARD, names.PYTHON_REWARD):
    return
  key = f"config.reward.format is {reward_format!r}"
  whose = f"config.policies.{name} is {port.source}"
  others = (
    f"{names.NO_REWARD!r}, or {names.PYTHON_REWARD!r} with a reward of your own"
  )
  if reward_format not in names.OWN_TOKENS:
    raise ValueError(
      f"{key}, which reads tokens or their probabilities as policies of this "
      f"package write them, but {whose}; expected {others}."
    )
  if port.policy.tokenizer is None:
    raise ValueError(
      f"{key}, of a model that reads the policy's tokens, but {whose}, which "
      f"gives no tokenizer; expected {others}, or the field `tokenizer` "
      "of its PolicyPort."
    )


def _check_texts_fit(
  files: Mapping[str, checkpoints.Checkpoint],
  reward: checkpoints.Model | None,
  settings: settings_lib.Settings,
) -> None:
  """Raises a ValueError if texts may be longer than models were made for."""
  for name, checkpoint in files.items():
    _check_positions(name, checkpoint, settings.limits, "limits")
  if isinstance(reward, checkpoints.Checkpoint):
    limits, group = settings.limits, "limits"
    if settings.reward_format not in names.OWN_TOKENS:
      limits, group = settings.reward_limits or limits, "reward"
    _check_positions("reward", reward, limits, group)


def _check_positions(
  name: str,
  checkpoint: checkpoints.Checkpoint,
  limits: decoding.Limits,
  group: str,
) -> None:
  """Raises a ValueError if texts may be longer than a model was made for."""
  longest = limits.prompt_buffer + limits.total_tokens
  if longest > checkpoint.max_position_embeddings:
    raise ValueError(
      f"{group}.prompt_tokens ({limits.prompt_tokens}, rounded up to "
      f"{limits.prompt_buffer}) and "
      f"{group}.total_tokens ({limits.total_tokens}) make texts of {longest} "
      f"tokens; {name} in {checkpoint.source} was made for at most "
      f"{checkpoint.max_position_embeddings}. Lower the limits."
    )
