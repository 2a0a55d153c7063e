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
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models.layers import (
  architecture,
  block,
  norms,
  products,
  weights,
)
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.layers.rope import rotary

AttendFn = block.AttendFn


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
    read_after: tuple[int, ...] | None = None,
  ):
    """Makes a decoder with random weights.

    Args:
      config: the architecture.
      rngs: for the weights.
      remat: whether a backward pass rematerialises the activations of a layer
        instead of keeping them: a third more work for far less memory.
      read_after: numbers of the layers whose hidden states are returned, side
        by side; None for the last one's alone.
    """
    self.config = config
    self.remat = remat
    self.read_after = read_after or (config.num_layers,)
    init = nnx.initializers.normal(config.hidden_size**-0.5)
    shape = (config.vocab_size, config.hidden_size)
    self.embedding = nnx.Param(init(rngs.params(), shape))
    self.embedding_scale: nnx.Param | None = None
    self.layers = nnx.List(
      [block.Block(config, rngs) for _ in range(config.num_layers)]
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
    read_after: Sequence[int] = (),
  ) -> tuple[jax.Array, list[Any]]:
    """Runs the layers over new tokens.

    Args:
      tokens: int32[P, N, T].
      positions: int32[P, N, T], from 0 at the start of the text.
      attend: for each layer, its attention; it keeps to the layer's sliding
        window.
      hardware: that the program is for.
      read_after: numbers of layers, rising, instead of those it was made with.

    Returns:
      Hidden states [P, N, T, D] after the last norm, in `dtype`, and what each
      layer's attention keeps. Where several layers are read, D of each.
    """
    rotations = self._rotations(positions, hardware)
    embedded = weights.look_up(
      self.embedding, self.embedding_scale, tokens, hardware
    )
    x = products.features_first(embedded, hardware).astype(jnp.float32)
    if self.config.scaled_embedding:
      # Rounded to the dtype of the weights, as it was in training.
      root = jnp.sqrt(jnp.float32(self.config.hidden_size))
      x = x * root.astype(embedded.dtype).astype(jnp.float32)
    kept, read = [], []
    read_after = read_after or self.read_after
    for number, (layer, layer_attend, rotation) in enumerate(
      zip(self.layers, attend, rotations, strict=True), start=1
    ):
      run = functools.partial(layer, attend=layer_attend, hardware=hardware)
      x, new = (jax.checkpoint(run) if self.remat else run)(x, rotation)
      kept.append(new)
      if number in read_after:
        read.append(self.final_norm(x).astype(embedded.dtype))
    hidden = read[0] if len(read) == 1 else jnp.concatenate(read)
    return products.features_last(hidden), kept

  def _rotations(
    self, positions: jax.Array, hardware: hardware_lib.Hardware
  ) -> list[rotary.Rotation]:
    """Makes the rotation of each layer, once for each kind of layer."""
    config = self.config
    wide = rotary.rotary(positions, config, hardware)
    if config.local_rope_theta is None:
      return [wide] * config.num_layers
    near = rotary.rotary(positions, config, hardware, local=True)
    windows = [config.window(i) for i in range(config.num_layers)]
    return [wide if window is None else near for window in windows]

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
      cap = self.config.logit_softcap
      if cap is not None:
        # Changes no number, but stands between the product and whatever
        # subtracts from it: XLA computes both as one operation that rounds
        # once, so that the highest logit less the highest would not be 0.
        logits = jnp.maximum(cap * jnp.tanh(logits / cap), -cap)
    return products.features_last(logits)
