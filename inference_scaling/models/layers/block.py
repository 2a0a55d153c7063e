"""One layer of a decoder: attention and MLP, what they read and add.

What tells the families apart is in the config; see `decoder.py`.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from inference_scaling.models.layers import (
  architecture,
  norms,
  products,
  weights,
)
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.layers.rope import rotary

# Takes queries [P, N, K, G, T, H] and the new tokens' keys [P, N, K, H, T],
# both after rotation, and their values [P, N, K, T, H], all float32; returns
# what was attended to, as the queries, and whatever is to be kept.
AttendFn = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, Any]]

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
  "silu": jax.nn.silu,
  "gelu": functools.partial(jax.nn.gelu, approximate=False),
  "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
}


class Attention(nnx.Module):
  """Grouped-query attention with rotary positions."""

  def __init__(self, config: architecture.DecoderConfig, rngs: nnx.Rngs):
    self.config = config
    size = config.hidden_size
    query_size = config.num_heads * config.head_dim
    kv_size = config.num_kv_heads * config.head_dim
    self.query = weights.Linear(size, query_size, rngs, config.qkv_bias)
    self.key = weights.Linear(size, kv_size, rngs, config.qkv_bias)
    self.value = weights.Linear(size, kv_size, rngs, config.qkv_bias)
    self.output = weights.Linear(query_size, size, rngs, config.output_bias)
    whole = config.query_key_norm == architecture.PROJECTION
    heads = config.query_key_norm == architecture.HEAD
    make = functools.partial(norms.make_rms_norm, config)
    self.query_norm = make(query_size) if whole else None
    self.key_norm = make(kv_size) if whole else None
    self.query_head_norm = make(config.head_dim) if heads else None
    self.key_head_norm = make(config.head_dim) if heads else None

  def __call__(
    self,
    x: jax.Array,
    rotation: rotary.Rotation,
    attend: AttendFn,
    hardware: hardware_lib.Hardware,
  ) -> tuple[jax.Array, Any]:
    """Attends from [D, P, N, T]; also returns what `attend` keeps."""
    H = self.config.head_dim
    tokens = x.shape[1:]
    queries, keys, values = (
      linear(x, hardware) for linear in (self.query, self.key, self.value)
    )
    if self.query_norm is not None and self.key_norm is not None:
      queries, keys = self.query_norm(queries), self.key_norm(keys)
    queries, keys, values = (
      part.reshape(-1, H, *tokens) for part in (queries, keys, values)
    )
    if self.query_head_norm is not None and self.key_head_norm is not None:
      queries = self.query_head_norm(queries, axis=1)
      keys = self.key_head_norm(keys, axis=1)
    K = len(keys)  # on a mesh there may be copies: see `kv_heads.py`
    queries = rotary.rotate(queries, rotation).reshape(K, -1, H, *tokens)
    keys = rotary.rotate(keys, rotation)
    scalar = self.config.query_pre_attn_scalar
    if scalar is not None and scalar != H:
      # `attend` divides scores by the root of H.
      queries = queries * (H / scalar) ** 0.5
    mixed, kept = attend(
      queries.transpose(3, 4, 0, 1, 5, 2),
      keys.transpose(2, 3, 0, 1, 4),
      values.transpose(2, 3, 0, 4, 1),
    )
    mixed = mixed.transpose(0, 1, 4, 2, 3, 5).reshape(*tokens, -1)
    mixed = mixed.astype(self.output.dtype)
    mixed = products.features_first(mixed, hardware)
    return self.output(mixed, hardware), kept


class MLP(nnx.Module):
  """Feed-forward layer: activation(gate) * up or activation(up), then down."""

  def __init__(self, config: architecture.DecoderConfig, rngs: nnx.Rngs):
    size, wide, bias = (
      config.hidden_size, config.intermediate_size, config.mlp_bias,
    )  # fmt: skip
    gated = config.gated_mlp
    self.gate = weights.Linear(size, wide, rngs, bias) if gated else None
    self.up = weights.Linear(size, wide, rngs, bias)
    self.down = weights.Linear(wide, size, rngs, bias)
    self.activation = config.activation

  def __call__(
    self, x: jax.Array, hardware: hardware_lib.Hardware
  ) -> jax.Array:
    """Maps [D, ...] to float32[D, ...]."""
    activation = _ACTIVATIONS[self.activation]
    if self.gate is None:
      return self.down(activation(self.up(x, hardware)), hardware)
    gate = activation(self.gate(x, hardware))
    return self.down(gate * self.up(x, hardware), hardware)


class Block(nnx.Module):
  """One layer: attention and MLP, each normalised and added on."""

  def __init__(self, config: architecture.DecoderConfig, rngs: nnx.Rngs):
    make = functools.partial(norms.make_norm, config)
    self.attention_norm = make() if config.pre_norm else None
    self.attention = Attention(config, rngs)
    self.attention_post_norm = make() if config.post_norm else None
    self.mlp_norm = make() if config.pre_norm else None
    self.mlp = MLP(config, rngs)
    self.mlp_post_norm = make() if config.post_norm else None
    self.parallel = config.parallel_residual

  def __call__(
    self,
    x: jax.Array,
    rotation: rotary.Rotation,
    attend: AttendFn,
    hardware: hardware_lib.Hardware,
  ) -> tuple[jax.Array, Any]:
    """Adds attention and MLP to [D, P, N, T]; see `Attention`."""
    with jax.named_scope("attention"):
      normal = _apply(self.attention_norm, x)
      mixed, kept = self.attention(normal, rotation, attend, hardware)
      mixed = _apply(self.attention_post_norm, mixed)
    if self.parallel:
      return x + mixed + self._feed_forward(x, hardware), kept
    x = x + mixed
    return x + self._feed_forward(x, hardware), kept

  def _feed_forward(
    self, x: jax.Array, hardware: hardware_lib.Hardware
  ) -> jax.Array:
    with jax.named_scope("mlp"):
      out = self.mlp(_apply(self.mlp_norm, x), hardware)
      return _apply(self.mlp_post_norm, out)


def _apply(
  norm: norms.RMSNorm | norms.LayerNorm | None, x: jax.Array
) -> jax.Array:
  return x if norm is None else norm(x)
