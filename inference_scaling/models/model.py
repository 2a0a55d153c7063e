"""A language model as a pure function of its parameters."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import transformers
from flax import nnx

from inference_scaling.models import attention, checkpoint, layout
from inference_scaling.models import config as config_lib
from inference_scaling.models import decoder as decoder_lib

Parameters = layout.Parameters
NO_SEGMENTS: tuple[attention.Segment, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
  """A decoder with its parameters and tokenizer.

  The methods take the parameters as an argument, so that a jitted caller sees
  arrays and not constants. Models compare by identity.

  Attributes:
    config: the architecture.
    params: nested dict of float32 arrays.
    tokenizer: of the same vocabulary.
    graph: structure of the Flax module.
  """

  config: config_lib.DecoderConfig
  params: Parameters
  tokenizer: transformers.PreTrainedTokenizerFast
  graph: Any

  def forward(
    self,
    params: Parameters,
    tokens: jax.Array,
    positions: jax.Array,
    segments: Sequence[Sequence[attention.Segment]] | None = None,
    self_mask: jax.Array | None = None,
  ) -> tuple[jax.Array, list[decoder_lib.KeysValues]]:
    """Runs the decoder over new tokens.

    Args:
      params: as `self.params`.
      tokens: int32[P, N, T].
      positions: int32[P, N, T], from 0.
      segments: for each layer, cached keys and values to attend to beside the
        new tokens; None for none.
      self_mask: bool[P, N, T, T] or broadcastable, None for causal.

    Returns:
      Hidden states [P, N, T, D], and for each layer the new tokens' keys and
      values, [P, N, T, K, H] each.
    """
    if segments is None:
      segments = [NO_SEGMENTS] * self.config.num_layers
    if self_mask is None:
      self_mask = attention.causal_mask(tokens.shape[-1])
    module = self._decoder(params)
    return module(tokens, positions, segments, self_mask)

  def unembed(self, params: Parameters, hidden: jax.Array) -> jax.Array:
    """Turns hidden states [..., D] into float32 logits [..., V]."""
    return self._decoder(params).unembed(hidden)

  def logits(self, params: Parameters, tokens: jax.Array) -> jax.Array:
    """Computes the logits of whole texts, without a cache.

    Args:
      params: as `self.params`.
      tokens: int32[B, T].

    Returns:
      float32[B, T, V].
    """
    return self.unembed(params, self.hidden(params, tokens))

  def hidden(self, params: Parameters, tokens: jax.Array) -> jax.Array:
    """Computes the hidden states of whole texts, without a cache.

    Args:
      params: as `self.params`.
      tokens: int32[B, T].

    Returns:
      float32[B, T, D], after the last norm.
    """
    tokens = jnp.asarray(tokens)
    if tokens.ndim != 2:
      raise ValueError(
        f"tokens have shape {tokens.shape}; expected two axes, [B, T]."
      )
    rows = tokens[:, None]
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), rows.shape)
    return self.forward(params, rows, positions)[0][:, 0]

  def _decoder(self, params: Parameters) -> decoder_lib.Decoder:
    return nnx.merge(self.graph, params)

  @property
  def num_parameters(self) -> int:
    """Number of weights, the embedding included."""
    return sum(leaf.size for leaf in jax.tree.leaves(self.params))


def load_model(path: str | pathlib.Path) -> Model:
  """Loads a language model from a folder in Hugging Face format.

  Args:
    path: folder with config.json, model.safetensors (or its shards and their
      index) and tokenizer.json.

  Returns:
    The model, in float32.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken, the architecture is not supported, or
      tensors do not fit the architecture.
  """
  config = config_lib.read_config(path)
  return load_into(
    Model, decoder_lib.Decoder, config, layout.policy_layout(config), path
  )


def load_into(
  model_class: type,
  module_class: type[nnx.Module],
  config: config_lib.DecoderConfig,
  entries: list[layout.Entry],
  path: str | pathlib.Path,
) -> Any:
  """Loads a checkpoint folder into a model of some class.

  Args:
    model_class: made from config, params, tokenizer and graph.
    module_class: the Flax module, made from config and rngs.
    config: the architecture.
    entries: which tensor is which parameter.
    path: the folder.

  Returns:
    An instance of `model_class`.

  Raises:
    FileNotFoundError: as `load_model`.
    ValueError: as `load_model`.
  """
  tokenizer = checkpoint.read_tokenizer(path, config.vocab_size)
  graph, shapes = nnx.split(
    nnx.eval_shape(lambda: module_class(config, nnx.Rngs(0)))
  )
  tensors = checkpoint.read_tensors(path)
  tensors = {
    name: value
    for name, value in tensors.items()
    if not layout.is_redundant(name, config)
  }
  params = layout.from_checkpoint(
    tensors, entries, nnx.to_pure_dict(shapes), str(path)
  )
  params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), params)
  return model_class(config, params, tokenizer, graph)


def initial_model(
  config: config_lib.DecoderConfig,
  tokenizer: transformers.PreTrainedTokenizerFast,
  seed: int,
) -> Model:
  """Makes a model with random weights.

  Args:
    config: the architecture.
    tokenizer: of the same vocabulary.
    seed: of the weights.

  Returns:
    The model, in float32.
  """
  graph, state = nnx.split(decoder_lib.Decoder(config, nnx.Rngs(seed)))
  return Model(config, nnx.to_pure_dict(state), tokenizer, graph)


def save_model(model: Model, path: str | pathlib.Path) -> None:
  """Writes a model as a folder in Hugging Face format.

  Args:
    model: the model.
    path: the folder, created where missing.
  """
  tensors = layout.to_checkpoint(
    model.params, layout.policy_layout(model.config)
  )
  tensors = {k: v.astype(np.float32) for k, v in tensors.items()}
  raw = config_lib.to_hf(model.config)
  checkpoint.write_folder(path, raw, tensors, model.tokenizer)
