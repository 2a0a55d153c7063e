"""The decoder in Flax NNX; what tells the families apart is in its config.

One forward pass serves training, prompts, decoding and step scoring: it takes
new tokens and, for each layer, a function that attends. That function decides
what to attend to, and where to store new keys and values.

Products are of the dtype of the weights, or of their scales where they are
quantised; their sums, the residual stream, norms, rotation, softmax and logits
are float32 whatever that is. Activations have their features first (see
`products.py`).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models.layers import (
  architecture,
  norms,
  products,
  rotary,
  weights,
)
from inference_scaling.models.layers import hardware as hardware_lib

# Takes queries [P, N, K, G, T, H] and the new tokens' keys [P, N, K, H, T],
# both after rotation, and their values [P, N, K, T, H], all float32; returns
# what was attended to, as the queries, and whatever is to be kept.
AttendFn = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, Any]]

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
  "silu": jax.nn.silu,
  "gelu": functools.partial(jax.nn.gelu, approximate=False),
  "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
}


class OneKey:
  """Gives all weights one key, where only their shapes are needed.

  To trace nnx.Rngs takes a time that grows with the square of the layers, since
  it counts keys in the trace: seconds, of a deep model.
  """

  def __init__(self):
    self._key = jax.random.key(0)

  def params(self) -> jax.Array:
    """The key."""
    return self._key


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
      linear(x, hardware).reshape(-1, H, *tokens)
      for linear in (self.query, self.key, self.value)
    )
    K = len(keys)  # on a mesh there may be copies: see `kv_heads.py`
    queries = rotary.rotate(queries, rotation).reshape(K, -1, H, *tokens)
    keys = rotary.rotate(keys, rotation)
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
  """One layer: attention and MLP, each normalised first and added on."""

  def __init__(self, config: architecture.DecoderConfig, rngs: nnx.Rngs):
    self.attention_norm = norms.make_norm(config)
    self.attention = Attention(config, rngs)
    self.mlp_norm = norms.make_norm(config)
    self.mlp = MLP(config, rngs)
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
      normal = self.attention_norm(x)
      mixed, kept = self.attention(normal, rotation, attend, hardware)
    if self.parallel:
      return x + mixed + self._feed_forward(x, hardware), kept
    x = x + mixed
    return x + self._feed_forward(x, hardware), kept

  def _feed_forward(
    self, x: jax.Array, hardware: hardware_lib.Hardware
  ) -> jax.Array:
    with jax.named_scope("mlp"):
      return self.mlp(self.mlp_norm(x), hardware)


class Decoder(nnx.Module):
  """Token ids to hidden states.

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
      remat: whether a backward pass rematerialises the activations of a layer
        instead of keeping them: a third more work for far less memory.
    """
    self.config = config
    self.remat = remat
    init = nnx.initializers.normal(config.hidden_size**-0.5)
    shape = (config.vocab_size, config.hidden_size)
    self.embedding = nnx.Param(init(rngs.params(), shape))
    self.embedding_scale: nnx.Param | None = None
    self.layers = nnx.List(
      [Block(config, rngs) for _ in range(config.num_layers)]
    )
    self.final_norm = norms.make_norm(config)
    if not config.tie_word_embeddings:
      self.unembedding = nnx.Param(init(rngs.params(), shape))
      self.unembedding_scale: nnx.Param | None = None

  @property
  def dtype(self) -> jnp.dtype:
    """That of the activations."""
    return weights.dtype(self.embedding, self.embedding_scale)

  def __call__(
    self,
    tokens: jax.Array,
    positions: jax.Array,
    attend: Sequence[AttendFn],
    hardware: hardware_lib.Hardware,
  ) -> tuple[jax.Array, list[Any]]:
    """Runs the layers over new tokens.

    Args:
      tokens: int32[P, N, T].
      positions: int32[P, N, T], from 0 at the start of the text.
      attend: for each layer, its attention; it keeps to the layer's sliding
        window.
      hardware: that the program is for.

    Returns:
      Hidden states [P, N, T, D] after the last norm, in `dtype`, and what each
      layer's attention keeps.
    """
    rotation = rotary.rotary(positions, self.config, hardware)
    embedded = weights.look_up(
      self.embedding, self.embedding_scale, tokens, hardware
    )
    x = products.features_first(embedded, hardware).astype(jnp.float32)
    kept = []
    for layer, layer_attend in zip(self.layers, attend, strict=True):
      run = functools.partial(layer, attend=layer_attend, hardware=hardware)
      x, new = (jax.checkpoint(run) if self.remat else run)(x, rotation)
      kept.append(new)
    hidden = self.final_norm(x).astype(embedded.dtype)
    return products.features_last(hidden), kept

  def unembed(
    self, hidden: jax.Array, hardware: hardware_lib.Hardware
  ) -> jax.Array:
    """Turns hidden states [..., D] into float32 logits [..., V]."""
    if self.config.tie_word_embeddings:
      table, scale = self.embedding, self.embedding_scale
    else:
      table, scale = self.unembedding, self.unembedding_scale
    with jax.named_scope("unembed"):
      # Mostly a view of what has its features first; no layout is forced.
      columns = jnp.moveaxis(hidden, -1, 0)
      logits = weights.multiply(table, scale, columns, hardware)
    return products.features_last(logits)
