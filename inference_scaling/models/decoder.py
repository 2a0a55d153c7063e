"""The decoder in Flax NNX; what tells the families apart is in its config.

One forward pass serves training, prompts, decoding and step scoring: it takes
new tokens and the segments of keys and values that they may attend to, and
returns hidden states with the new tokens' own keys and values.

Activations have the dtype of the weights. Norms, rotation, softmax and logits
are computed in float32 whatever that is.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models import (
  architecture,
  attention,
  norms,
  rotary,
  self_attention,
)

KeysValues = tuple[jax.Array, jax.Array]

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
  "silu": jax.nn.silu,
  "gelu": functools.partial(jax.nn.gelu, approximate=False),
  "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
}


class Linear(nnx.Module):
  """A matrix product; the kernel is [in, out]."""

  def __init__(
    self, size_in: int, size_out: int, rngs: nnx.Rngs, bias: bool = False
  ):
    init = nnx.initializers.lecun_normal()
    self.kernel = nnx.Param(init(rngs.params(), (size_in, size_out)))
    self.bias = nnx.Param(jnp.zeros((size_out,))) if bias else None

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [..., in] to [..., out]."""
    # Summed in float32: bfloat16 sums are slower on a CPU, and less exact.
    out = jnp.matmul(
      x, self.kernel[...].astype(x.dtype), preferred_element_type=jnp.float32
    )
    if self.bias is not None:
      bias = self.bias[...].astype(jnp.float32)
      out += jnp.expand_dims(bias, range(x.ndim - 1))
    return out.astype(x.dtype)


class Attention(nnx.Module):
  """Grouped-query attention with rotary positions."""

  def __init__(self, config: architecture.DecoderConfig, rngs: nnx.Rngs):
    self.config = config
    size = config.hidden_size
    query_size = config.num_heads * config.head_dim
    kv_size = config.num_kv_heads * config.head_dim
    self.query = Linear(size, query_size, rngs, config.qkv_bias)
    self.key = Linear(size, kv_size, rngs, config.qkv_bias)
    self.value = Linear(size, kv_size, rngs, config.qkv_bias)
    self.output = Linear(query_size, size, rngs, config.output_bias)

  def __call__(
    self,
    x: jax.Array,
    rotation: rotary.Rotation,
    segments: Sequence[attention.Segment],
    self_mask: jax.Array,
  ) -> tuple[jax.Array, KeysValues]:
    """Attends from [P, N, T, D]; also returns the new keys and values."""
    config = self.config
    K, H = config.num_kv_heads, config.head_dim
    G = config.num_heads // K
    leading = x.shape[:3]
    queries = self.query(x).reshape(*leading, K, G, H)
    queries = rotary.rotate(queries, rotation)
    keys = rotary.rotate(self.key(x).reshape(*leading, K, H), rotation)
    values = self.value(x).reshape(*leading, K, H)
    if segments:
      own = attention.to_segment(keys, values, self_mask)
      mixed = attention.attend(queries, (*segments, own))
    else:
      mixed = self_attention.attend_within(queries, keys, values, self_mask)
    return self.output(mixed.reshape(*leading, K * G * H)), (keys, values)


class MLP(nnx.Module):
  """Feed-forward layer: activation(gate) * up or activation(up), then down."""

  def __init__(self, config: architecture.DecoderConfig, rngs: nnx.Rngs):
    size, wide, bias = (
      config.hidden_size, config.intermediate_size, config.mlp_bias,
    )  # fmt: skip
    gated = config.gated_mlp
    self.gate = Linear(size, wide, rngs, bias) if gated else None
    self.up = Linear(size, wide, rngs, bias)
    self.down = Linear(wide, size, rngs, bias)
    self.activation = config.activation

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [..., D] to [..., D]."""
    activation = _ACTIVATIONS[self.activation]
    if self.gate is None:
      return self.down(activation(self.up(x)))
    return self.down(activation(self.gate(x)) * self.up(x))


class Block(nnx.Module):
  """One layer: attention and MLP, each normalised first and added on."""

  def __init__(self, config: architecture.DecoderConfig, rngs: nnx.Rngs):
    self.attention_norm = norms.make_norm(config)
    self.attention = Attention(config, rngs)
    self.mlp_norm = norms.make_norm(config)
    self.mlp = MLP(config, rngs)
    self.parallel = config.parallel_residual

  def __call__(self, x, rotation, segments, self_mask):
    """Adds attention and MLP to [P, N, T, D]."""
    mixed, keys_values = self.attention(
      self.attention_norm(x), rotation, segments, self_mask
    )
    if self.parallel:
      return x + mixed + self.mlp(self.mlp_norm(x)), keys_values
    x = x + mixed
    return x + self.mlp(self.mlp_norm(x)), keys_values


class Decoder(nnx.Module):
  """Token ids to hidden states, keys and values.

  Layers are unrolled: a scan over layers would carry all caches as one array
  and copy it for every token.
  """

  def __init__(
    self,
    config: architecture.DecoderConfig,
    rngs: nnx.Rngs,
    remat: bool = False,
  ):
    """Makes a decoder with random weights.

    Args:
      config: the architecture.
      rngs: for the weights.
      remat: whether a backward pass computes the activations of a layer again
        instead of keeping them: a third more work for far less memory.
    """
    self.config = config
    self.remat = remat
    init = nnx.initializers.normal(config.hidden_size**-0.5)
    shape = (config.vocab_size, config.hidden_size)
    self.embedding = nnx.Param(init(rngs.params(), shape))
    self.layers = nnx.List(
      [Block(config, rngs) for _ in range(config.num_layers)]
    )
    self.final_norm = norms.make_norm(config)
    if not config.tie_word_embeddings:
      self.unembedding = nnx.Param(init(rngs.params(), shape))

  def __call__(
    self,
    tokens: jax.Array,
    positions: jax.Array,
    segments: Sequence[Sequence[attention.Segment]],
    self_mask: jax.Array,
  ) -> tuple[jax.Array, list[KeysValues]]:
    """Runs the layers over new tokens.

    Args:
      tokens: int32[P, N, T].
      positions: int32[P, N, T], from 0 at the start of the text. Where there
        is a sliding window they must be consecutive.
      segments: for each layer, what to attend to beside the new tokens; their
        masks keep to its sliding window.
      self_mask: bool[P, N, T, T] or broadcastable: which of the new tokens
        each of them may attend to, within the sliding window, which need not
        be in it. Without segments, bool[1, 1, T, T].

    Returns:
      Hidden states [P, N, T, D] after the last norm, and for each layer the
      new tokens' keys and values, [P, N, T, K, H] each.
    """
    config = self.config
    rotation = rotary.rotary(positions, config)
    x = self.embedding[...][tokens]
    keys_values = []
    for number, (layer, layer_segments) in enumerate(
      zip(self.layers, segments, strict=True)
    ):
      seen = attention.within_window(self_mask, config.window(number))
      run = functools.partial(layer, segments=layer_segments, self_mask=seen)
      x, new = (jax.checkpoint(run) if self.remat else run)(x, rotation)
      keys_values.append(new)
    return self.final_norm(x), keys_values

  def unembed(self, hidden: jax.Array) -> jax.Array:
    """Turns hidden states [..., D] into float32 logits [..., V]."""
    tied = self.config.tie_word_embeddings
    table = (self.embedding if tied else self.unembedding)[...]
    return jnp.einsum(
      "...d,vd->...v", hidden, table.astype(hidden.dtype),
      preferred_element_type=jnp.float32,
    )  # fmt: skip
