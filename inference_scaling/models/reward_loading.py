"""Loads reward models: this package's own, and those in a published form."""

import dataclasses
import datetime
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from inference_scaling import names
from inference_scaling.models import checkpoint as checkpoint_lib
from inference_scaling.models import config as config_lib
from inference_scaling.models import (
  families,
  form_reward,
  layout,
  loading,
  reward_forms,
  reward_heads,
  reward_model,
  sharding,
)
from inference_scaling.models import model as model_lib

OWN_FORM = names.OWN_REWARD
FOREIGN_FORMS = tuple(sorted(reward_forms.FORMS))


def reward_architectures(form: str) -> tuple[str, ...]:
  """Lists what `architectures` of a reward model's config.json may name.

  Args:
    form: `OWN_FORM` or one of `FOREIGN_FORMS`.

  Returns:
    The names; none for any language model.

  Raises:
    ValueError: for another form.
  """
  if form == OWN_FORM:
    return (config_lib.REWARD_ARCHITECTURE,)
  return reward_forms.form_class(form).architectures


def load_reward_model(
  source: str | pathlib.Path,
  *,
  form: str = OWN_FORM,
  dtype: str = "float32",
  mesh: jax.sharding.Mesh | None = None,
  date: datetime.date | None = None,
) -> reward_model.RewardModel:
  """Loads a reward model, tensor by tensor straight to its shards.

  In the own format the decoder's tensors are named as a language model's with
  tied embeddings; `score.weight` [1, D + 2] and `score.bias` [1] are the head.
  Other forms take the checkpoints as they were published.

  Args:
    source: as `open_checkpoint`.
    form: `OWN_FORM`, for a model that reads the policy's tokens, or one of
      `FOREIGN_FORMS`.
    dtype: as `load_model`; the heads of other forms stay in float32.
    mesh: as `load_model`.
    date: what a chat template that prints the date takes for today.

  Returns:
    The model.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken, the architecture is not supported or
      not of this form, tensors or tokenizer do not fit the architecture, the
      tokenizer lacks a token of the form, or the mesh cannot split the model.
  """
  architectures = reward_architectures(form)
  checkpoint = checkpoint_lib.open_checkpoint(source)
  checkpoint.require(*architectures)
  if form != OWN_FORM:
    return _load_form(checkpoint, form, dtype, mesh, date)
  reward_model.check_tied(checkpoint.config, f"{checkpoint.config_file}: ")
  return model_lib.load_into(
    reward_model.RewardModel,
    reward_model.StepReward,
    checkpoint,
    layout.reward_layout(checkpoint.config),
    dtype=dtype,
    mesh=mesh,
  )


def _load_form(
  checkpoint: checkpoint_lib.Checkpoint,
  name: str,
  dtype: str,
  mesh: jax.sharding.Mesh | None,
  date: datetime.date | None,
) -> form_reward.FormRewardModel:
  """Loads a reward model of another form."""
  tokenizer = checkpoint.tokenizer()
  try:
    form = reward_forms.make_form(name, tokenizer, date)
  except ValueError as error:
    raise ValueError(f"{checkpoint.where}: {error}") from error
  # Tied, as far as the decoder goes: it gets no unembedding of its own.
  config = dataclasses.replace(checkpoint.config, tie_word_embeddings=True)
  graph, shapes = nnx.split(
    nnx.eval_shape(
      lambda: form_reward.FormReward(config, form.head.module, nnx.Rngs(0))
    )
  )
  decoder = {"decoder": nnx.to_pure_dict(shapes)["decoder"]}
  params = loading.load_parameters(
    checkpoint,
    layout.decoder_layout(config, ("decoder",)),
    decoder,
    dtype=dtype,
    mesh=mesh,
    others=_others(checkpoint, form.head),
  )
  read = functools.partial(loading.read_finite, checkpoint.tensors)
  score = form.head.fold(read, _unembedding(checkpoint))
  params["score"] = {
    name: _place(np.asarray(value), mesh) for name, value in score.items()
  }
  return form_reward.FormRewardModel(config, params, tokenizer, graph, form)


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
  others = dict(head.tensors(config.hidden_size))
  name = families.FAMILIES[config.family].unembedding
  # Value heads were trained beside an unembedding, which some files kept.
  stored = name in checkpoint.tensors.shapes
  if not config.tie_word_embeddings and (not others or stored):
    others[name] = (config.vocab_size, config.hidden_size)
  return others


def _place(value: np.ndarray, mesh: jax.sharding.Mesh | None) -> jax.Array:
  """Puts a weight of the head whole on every device."""
  if mesh is None:
    return jnp.asarray(value)
  whole = sharding.replicated(mesh)
  return jax.make_array_from_callback(
    value.shape, whole, functools.partial(np.ndarray.__getitem__, value)
  )
