"""Loads reward models, native ones and those of external formats."""

import dataclasses
import datetime
import functools
import pathlib

import jax
import numpy as np
from flax import nnx

from inference_scaling import names
from inference_scaling.models import config as config_lib
from inference_scaling.models import (
  families,
  reward_formats,
  sources,
)
from inference_scaling.models import model as model_lib
from inference_scaling.models.checkpoints import checkpoint as checkpoint_lib
from inference_scaling.models.checkpoints import (
  layout,
  loading,
)
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.layers import reward_heads
from inference_scaling.models.quantisation import formats, modules
from inference_scaling.models.rewards import external_reward
from inference_scaling.models.rewards import model as reward_model
from inference_scaling.models.sources import torch_folder

NATIVE_FORMAT = names.NATIVE_REWARD
EXTERNAL_FORMATS = tuple(sorted(reward_formats.REWARD_FORMATS))


def reward_architectures(reward_format: str) -> tuple[str, ...]:
  """Lists what `architectures` of a reward model's config.json may name.

  Args:
    reward_format: `NATIVE_FORMAT` or one of `EXTERNAL_FORMATS`.

  Returns:
    The names; none for any language model.

  Raises:
    ValueError: for another format.
  """
  if reward_format == NATIVE_FORMAT:
    return (config_lib.REWARD_ARCHITECTURE,)
  return reward_formats.format_class(reward_format).architectures


def load_reward_model(
  source: str | pathlib.Path,
  *,
  reward_format: str = NATIVE_FORMAT,
  dtype: str = "float32",
  mesh: jax.sharding.Mesh | None = None,
  date: datetime.date | None = None,
) -> reward_model.RewardModel:
  """Loads a reward model, tensor by tensor straight to its shards.

  In the native format the decoder's tensors are named as a language model's
  with tied embeddings; `score.weight` [1, D + 2] and `score.bias` [1] are the
  head. External formats take the checkpoints as they were published.

  Args:
    source: as `open_checkpoint`.
    reward_format: `NATIVE_FORMAT`, for a model that reads the policy's tokens,
      or one of `EXTERNAL_FORMATS`.
    dtype: as `load_model`; the heads of external formats stay in float32.
    mesh: as `load_model`.
    date: what a chat template that prints the date takes for today.

  Returns:
    The model.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken, the architecture is not supported or
      not of this format, tensors or tokenizer do not fit the architecture, the
      tokenizer lacks a token of the format, the mesh cannot split the model, or
      its devices have no units for the dtype.
  """
  formats.check(dtype, mesh)
  architectures = reward_architectures(reward_format)
  checkpoint = checkpoint_lib.open_checkpoint(source)
  checkpoint.require(*architectures)
  if reward_format != NATIVE_FORMAT:
    return _load_external(checkpoint, reward_format, dtype, mesh, date)
  reward_model.check_tied(checkpoint.config, f"{checkpoint.config_file}: ")
  return model_lib.load_into(
    reward_model.RewardModel,
    reward_model.StepReward,
    checkpoint,
    layout.reward_layout(checkpoint.config),
    dtype=dtype,
    mesh=mesh,
  )


def _load_external(
  checkpoint: checkpoint_lib.Checkpoint,
  name: str,
  dtype: str,
  mesh: jax.sharding.Mesh | None,
  date: datetime.date | None,
) -> external_reward.ExternalRewardModel:
  """Loads a reward model of an external format."""
  tokenizer = checkpoint.tokenizer()
  try:
    reward_format = reward_formats.make_reward_format(
      name, tokenizer, date, checkpoint.raw.get("pad_token_id")
    )
  except ValueError as error:
    raise ValueError(f"{checkpoint.where}: {error}") from error
  _check_cap(checkpoint, reward_format)
  tensors = checkpoint.tensors
  if reward_format.head.own_file:
    tensors = _own_file(checkpoint, reward_format)
  # Tied, as far as the decoder goes: it gets no unembedding of its own.
  config = dataclasses.replace(checkpoint.config, tie_word_embeddings=True)
  graph, shapes = modules.shapes(
    lambda: external_reward.ExternalReward(
      config, reward_format.head.module, nnx.Rngs(0)
    ),
    dtype,
  )
  params = loading.load_parameters(
    checkpoint,
    layout.decoder_layout(config, ("decoder",)),
    {"decoder": shapes["decoder"]},
    dtype=dtype,
    mesh=mesh,
    others=_others(checkpoint, reward_format.head) or None,
  )
  read = functools.partial(loading.read_finite, tensors)
  score = reward_format.head.fold(read, _unembedding(checkpoint))
  params["score"] = {
    name: loading.replicate(value, mesh) for name, value in score.items()
  }
  return external_reward.ExternalRewardModel(
    config, params, tokenizer, graph, reward_format,
    hardware=hardware_lib.of_mesh(mesh),
  )  # fmt: skip


def _check_cap(
  checkpoint: checkpoint_lib.Checkpoint,
  reward_format: reward_formats.RewardFormat,
) -> None:
  """Refuses a head of logits where these are capped, as no vector can."""
  config = checkpoint.config
  own = reward_format.head.tensors(config.hidden_size)
  if config.logit_softcap is not None and not own:
    raise ValueError(
      f"{checkpoint.config_file}: the logits have a soft cap of "
      f"{config.logit_softcap}, and a reward of format {reward_format.name!r} "
      "is made of logits without one; expected a model without "
      "final_logit_softcapping, or a format with a head of its own."
    )


def _own_file(
  checkpoint: checkpoint_lib.Checkpoint,
  reward_format: reward_formats.RewardFormat,
) -> sources.TensorSource:
  """Opens the file of a head, and holds it against the config."""
  file = pathlib.Path(checkpoint.where) / torch_folder.HEAD
  if not file.is_file():
    raise FileNotFoundError(
      f"{file} does not exist; a reward model of format {reward_format.name!r} "
      "has its head in this file. Copy it from the checkpoint."
    )
  tensors = torch_folder.TorchFolder(checkpoint.where, torch_folder.HEAD)
  expected = reward_format.head.tensors(checkpoint.config.hidden_size)
  layout.check(
    tensors.shapes,
    [layout.Entry(name, (name,)) for name in expected],
    {name: np.empty(shape) for name, shape in expected.items()},
    str(file),
  )
  return tensors


def _unembedding(checkpoint: checkpoint_lib.Checkpoint) -> str:
  """Names the tensor that turns hidden states into logits."""
  tied = layout.tied_pair(checkpoint.config)
  if tied is not None:
    return tied[0]
  return families.FAMILIES[checkpoint.config.family].unembedding


def _others(
  checkpoint: checkpoint_lib.Checkpoint, head: reward_heads.Head
) -> dict[str, tuple[int, ...]]:
  """Shapes of the tensors beside the decoder's."""
  config = checkpoint.config
  others = {} if head.own_file else dict(head.tensors(config.hidden_size))
  name = families.FAMILIES[config.family].unembedding
  # Value heads were trained beside an unembedding, which some files kept.
  stored = name in checkpoint.tensors.shapes
  if not config.tie_word_embeddings and (not others or stored):
    others[name] = (config.vocab_size, config.hidden_size)
  return others
