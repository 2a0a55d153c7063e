"""A language model as a pure function of its parameters."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import transformers
from flax import nnx

from inference_scaling.models import config as config_lib
from inference_scaling.models import kv_heads, sharding
from inference_scaling.models.checkpoints import checkpoint as checkpoint_lib
from inference_scaling.models.checkpoints import (
  layout,
  loading,
  saving,
)
from inference_scaling.models.layers import (
  attention,
  decode_attention,
  self_attention,
)
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.quantisation import formats, modules

Parameters = layout.Parameters


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
  """A decoder with its parameters and tokenizer.

  The methods take the parameters as an argument, so that a jitted caller sees
  arrays and not constants. Models compare by identity.

  Attributes:
    config: the architecture.
    params: nested dict of arrays; their dtype is that of all that follows, or
      where weights are quantised that of their scales.
    tokenizer: of the same vocabulary.
    graph: structure of the Flax module.
    hardware: that its programs are for: that of the mesh it was loaded on. To
      compile for another, `dataclasses.replace` it.
    decode_kernel: of `decode_attention.choose`, for its decoding on
      accelerators; None where products of XLA attend to all that is cached.
  """

  config: config_lib.DecoderConfig
  params: Parameters
  tokenizer: transformers.PreTrainedTokenizerFast
  graph: Any
  hardware: hardware_lib.Hardware = dataclasses.field(
    default_factory=lambda: hardware_lib.of_mesh(None), kw_only=True
  )
  decode_kernel: decode_attention.DecodeKernel | None = dataclasses.field(
    default=None, kw_only=True
  )

  def forward(
    self,
    params: Parameters,
    tokens: jax.Array,
    positions: jax.Array,
    attend: Sequence[decoder_lib.AttendFn] | None = None,
    read_after: Sequence[int] = (),
  ) -> tuple[jax.Array, list[Any]]:
    """Runs the decoder over new tokens.

    Args:
      params: as `self.params`.
      tokens: int32[P, N, T].
      positions: int32[P, N, T], from 0. Where there is a sliding window they
        must be consecutive.
      attend: for each layer, its attention; None for texts that attend to
        nothing but their own earlier tokens.
      read_after: numbers of the layers, rising, whose hidden states are
        returned, side by side; () for the last one's, and for a value model
        those that its head reads.

    Returns:
      Hidden states [P, N, T, D] in the dtype of activations, and what each
      layer's attention keeps: for None, keys [P, N, K, H, T] and values
      [P, N, K, T, H] in `attention.kept_dtype`.
    """
    module = self._decoder(params)
    if attend is None:
      dtype = attention.kept_dtype(module.dtype, self.hardware)
      attend = self_attention.causal(self.config, tokens.shape[-1], dtype)
    return module(tokens, positions, attend, self.hardware, read_after)

  def unembed(self, params: Parameters, hidden: jax.Array) -> jax.Array:
    """Turns hidden states [..., D] into float32 logits [..., V]."""
    return self._decoder(params).unembed(hidden, self.hardware)

  def logits(
    self, params: Parameters, tokens: jax.typing.ArrayLike
  ) -> jax.Array:
    """Computes the logits of whole texts, without a cache.

    Args:
      params: as `self.params`.
      tokens: int32[B, T].

    Returns:
      float32[B, T, V].

    Raises:
      ValueError: where tokens have not two axes.
    """
    return self.unembed(params, self.hidden(params, tokens))

  def hidden(
    self, params: Parameters, tokens: jax.typing.ArrayLike
  ) -> jax.Array:
    """Computes the hidden states of whole texts, without a cache.

    Args:
      params: as `self.params`.
      tokens: int32[B, T].

    Returns:
      [B, T, D] in the dtype of activations, after the last norm.

    Raises:
      ValueError: where tokens have not two axes.
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
    """Number of weights, the embedding included, copies and scales not."""
    drop = functools.partial(kv_heads.drop, config=self.config)
    shapes = jax.eval_shape(drop, modules.without_scales(self.params))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def load_model(
  source: str | pathlib.Path,
  *,
  dtype: str = "float32",
  mesh: jax.sharding.Mesh | None = None,
  rules: sharding.LogicalAxisRules = sharding.RULES,
) -> Model:
  """Loads a language model, tensor by tensor straight to its shards.

  Args:
    source: as `open_checkpoint`: a folder in Hugging Face format, a GGUF file,
      a folder of launch/convert.py, an embedded model, or a hub name.
    dtype: "float32", "bfloat16" or "float16", of weights, activations and
      caches; or "int8" or "fp8", of weights alone: see `quantisation.formats`.
    mesh: of `make_mesh`; None for one device.
    rules: logical axis rules; `sharding.TRAINING_RULES` to train.

  Returns:
    The model.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken, the architecture is not supported,
      tensors or tokenizer do not fit the architecture, the mesh cannot split
      them, or its devices have no units for the dtype.
  """
  formats.check(dtype, mesh)
  checkpoint = checkpoint_lib.open_checkpoint(source)
  checkpoint.require()
  return load_into(
    Model,
    decoder_lib.Decoder,
    checkpoint,
    layout.policy_layout(checkpoint.config),
    dtype=dtype,
    mesh=mesh,
    rules=rules,
  )


def load_into(
  model_class: Callable[..., Any],
  module_class: Callable[..., nnx.Module],
  checkpoint: checkpoint_lib.Checkpoint,
  entries: list[layout.Entry],
  *,
  dtype: str | None,
  mesh: jax.sharding.Mesh | None,
  rules: sharding.LogicalAxisRules = sharding.RULES,
) -> Any:
  """Loads a checkpoint into a model of some class.

  Args:
    model_class: made from config, params, tokenizer and graph.
    module_class: the Flax module, made from config and rngs.
    checkpoint: where from.
    entries: which tensor is which parameter.
    dtype: as `load_model`; None to keep what is stored.
    mesh: as `load_model`.
    rules: as `load_model`.

  Returns:
    An instance of `model_class`.

  Raises:
    FileNotFoundError: as `load_model`.
    ValueError: as `load_model`.
  """
  config = checkpoint.config
  # A vocabulary of 150,000 takes seconds on one core; meanwhile weights load.
  with futures.ThreadPoolExecutor(1) as pool:
    tokenizer = pool.submit(checkpoint.tokenizer)
    graph, shapes = modules.shapes(
      lambda: module_class(config, decoder_lib.OneKey()), dtype
    )
    params = loading.load_parameters(
      checkpoint, entries, shapes, dtype=dtype, mesh=mesh, rules=rules,
    )  # fmt: skip
    return model_class(
      config, params, tokenizer.result(), graph,
      hardware=hardware_lib.of_mesh(mesh),
    )  # fmt: skip


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


def save_model(
  model: Model,
  path: str | pathlib.Path,
  max_shard_bytes: int = saving.MAX_SHARD_BYTES,
) -> None:
  """Writes a model as a folder in Hugging Face format, in its own dtype.

  Args:
    model: the model.
    path: the folder, created where missing.
    max_shard_bytes: what a file may hold; larger models are cut into shards.

  Raises:
    ValueError: where weights are quantised.
  """
  modules.refuse(model.params, "saved")
  entries = layout.policy_layout(model.config)
  saving.write_folder(
    path,
    config_lib.to_hf(model.config),
    saving.stored_tensors(kv_heads.drop(model.params, model.config), entries),
    model.tokenizer,
    max_shard_bytes,
  )
