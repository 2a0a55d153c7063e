"""The Llama decoder in Flax NNX.

One forward pass serves training, prompts, decoding and step scoring: it takes
new tokens and the segments of keys and values that they may attend to, and
returns hidden states with the new tokens' own keys and values.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models import attention, self_attention
from inference_scaling.models import config as config_lib

KeysValues = tuple[jax.Array, jax.Array]


class RMSNorm(nnx.Module):
  """Root-mean-square normalisation, computed in float32."""

  def __init__(self, size: int, epsilon: float):
    self.scale = nnx.Param(jnp.ones((size,)))
    self.epsilon = epsilon

  def __call__(self, x: jax.Array) -> jax.Array:
    """Normalises [..., D] over its last axis."""
    wide = x.astype(jnp.float32)
    mean_square = jnp.mean(jnp.square(wide), axis=-1, keepdims=True)
    normal = wide * jax.lax.rsqrt(mean_square + self.epsilon)
    scale = jnp.expand_dims(self.scale[...], range(x.ndim - 1))
    return normal.astype(x.dtype) * scale.astype(x.dtype)


class Linear(nnx.Module):
  """A matrix product with no bias; the kernel is [in, out]."""

  def __init__(self, size_in: int, size_out: int, rngs: nnx.Rngs):
    init = nnx.initializers.lecun_normal()
    self.kernel = nnx.Param(init(rngs.params(), (size_in, size_out)))

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [..., in] to [..., out]."""
    return x @ self.kernel[...].astype(x.dtype)


class Attention(nnx.Module):
  """Grouped-query attention with rotary positions."""

  def __init__(self, config: config_lib.DecoderConfig, rngs: nnx.Rngs):
    self.config = config
    size = config.hidden_size
    query_size = config.num_heads * config.head_dim
    kv_size = config.num_kv_heads * config.head_dim
    self.query = Linear(size, query_size, rngs)
    self.key = Linear(size, kv_size, rngs)
    self.value = Linear(size, kv_size, rngs)
    self.output = Linear(query_size, size, rngs)

  def __call__(
    self,
    x: jax.Array,
    rotation: KeysValues,
    segments: Sequence[attention.Segment],
    self_mask: jax.Array,
  ) -> tuple[jax.Array, KeysValues]:
    """Attends from [P, N, T, D]; also returns the new keys and values."""
    config = self.config
    K, H = config.num_kv_heads, config.head_dim
    G = config.num_heads // K
    leading = x.shape[:3]
    queries = rotate(self.query(x).reshape(*leading, K, G, H), rotation)
    keys = rotate(self.key(x).reshape(*leading, K, H), rotation)
    values = self.value(x).reshape(*leading, K, H)
    if segments:
      own = attention.to_segment(keys, values, self_mask)
      mixed = attention.attend(queries, (*segments, own))
    else:
      mixed = self_attention.attend_within(queries, keys, values, self_mask)
    return self.output(mixed.reshape(*leading, K * G * H)), (keys, values)


class MLP(nnx.Module):
  """Gated feed-forward layer with SiLU."""

  def __init__(self, config: config_lib.DecoderConfig, rngs: nnx.Rngs):
    size, wide = config.hidden_size, config.intermediate_size
    self.gate = Linear(size, wide, rngs)
    self.up = Linear(size, wide, rngs)
    self.down = Linear(wide, size, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [..., D] to [..., D]."""
    return self.down(jax.nn.silu(self.gate(x)) * self.up(x))


class Block(nnx.Module):
  """One layer: attention and MLP, each normalised first and added on."""

  def __init__(self, config: config_lib.DecoderConfig, rngs: nnx.Rngs):
    self.attention_norm = RMSNorm(config.hidden_size, config.norm_eps)
    self.attention = Attention(config, rngs)
    self.mlp_norm = RMSNorm(config.hidden_size, config.norm_eps)
    self.mlp = MLP(config, rngs)

  def __call__(self, x, rotation, segments, self_mask):
    """Adds attention and MLP to [P, N, T, D]."""
    mixed, keys_values = self.attention(
      self.attention_norm(x), rotation, segments, self_mask
    )
    x = x + mixed
    return x + self.mlp(self.mlp_norm(x)), keys_values


class Decoder(nnx.Module):
  """Token ids to hidden states, keys and values.

  Layers are unrolled: a scan over layers would carry all caches as one array
  and copy it for every token.
  """

  def __init__(self, config: config_lib.DecoderConfig, rngs: nnx.Rngs):
    self.config = config
    init = nnx.initializers.normal(config.hidden_size**-0.5)
    shape = (config.vocab_size, config.hidden_size)
    self.embedding = nnx.Param(init(rngs.params(), shape))
    self.layers = nnx.List(
      [Block(config, rngs) for _ in range(config.num_layers)]
    )
    self.final_norm = RMSNorm(config.hidden_size, config.norm_eps)
    if not config.tie_word_embeddings:
      self.unembedding = nnx.Param(init(rngs.params(), shape))

  def __call__(
    self,
    tokens: jax.Array,
    positions: jax.Array,
    segments: Sequence[Sequence[attention.Segment]],
    self_mask: jax.Array,
    dtype: jnp.dtype = jnp.float32,
  ) -> tuple[jax.Array, list[KeysValues]]:
    """Runs the layers over new tokens.

    Args:
      tokens: int32[P, N, T].
      positions: int32[P, N, T], from 0 at the start of the text.
      segments: for each layer, what to attend to beside the new tokens.
      self_mask: bool[P, N, T, T] or broadcastable: which of the new tokens
        each of them may attend to. Without segments, bool[1, 1, T, T].
      dtype: of the activations and products; norms and softmax are float32.

    Returns:
      Hidden states [P, N, T, D] after the last norm, and for each layer the
      new tokens' keys and values, [P, N, T, K, H] each.
    """
    config = self.config
    rotation = rotary(positions, config.head_dim, config.rope_theta)
    x = self.embedding[...].astype(dtype)[tokens]
    keys_values = []
    for layer, layer_segments in zip(self.layers, segments, strict=True):
      x, new = layer(x, rotation, layer_segments, self_mask)
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


def rotary(positions: jax.Array, head_dim: int, theta: float) -> KeysValues:
  """Computes cosines and sines of the rotary angles, in float32.

  Args:
    positions: int32[P, N, T].
    head_dim: H, even.
    theta: base of the wave lengths.

  Returns:
    Cosines and sines, [P, N, T, H / 2] each.

  References:
    Su et al., "RoFormer", 2021, arXiv:2104.09864, section 3.4.
  """
  exponents = jnp.arange(0, head_dim, 2, dtype=jnp.float32) / head_dim
  frequencies = jnp.expand_dims(theta**-exponents, range(positions.ndim))
  angles = positions[..., None].astype(jnp.float32) * frequencies
  return jnp.cos(angles), jnp.sin(angles)


def rotate(x: jax.Array, rotation: KeysValues) -> jax.Array:
  """Rotates the two halves of each head, as Hugging Face lays them out.

  Args:
    x: [P, N, T, ..., H].
    rotation: cosines and sines from `rotary`.

  Returns:
    As x.
  """
  between = range(3, x.ndim - 1)
  cosine, sine = (jnp.expand_dims(part, between) for part in rotation)
  first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  turned = (first * cosine - second * sine, second * cosine + first * sine)
  return jnp.concatenate(turned, axis=-1).astype(x.dtype)
