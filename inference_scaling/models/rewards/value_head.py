"""A value head on hidden states of a frozen policy: does this end correctly?

The policy is the body and stays as it is; only the head was trained. It reads
the policy's own tokens, so that it scores the steps of that policy and of any
other one with the same tokenizer. Where it reads no layer after the K-th, the
body is cut there: the rest of it is neither loaded nor computed.

Axis letters: F features, the hidden states of all layers read, side by side.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from typing_extensions import override

from inference_scaling.models.layers import architecture
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.rewards import model


class ValueHead(nnx.Module):
  """Linear, or of two layers with ReLU between: the log-odds of a value."""

  def __init__(self, features: int, width: int, rngs: nnx.Rngs):
    """Makes a head that says 1/2 of everything.

    Args:
      features: F.
      width: of the inner layer; 0 for none.
      rngs: for the inner layer.
    """
    if width:
      init = nnx.initializers.lecun_normal()
      self.inner_kernel = nnx.Param(init(rngs.params(), (features, width)))
      self.inner_bias = nnx.Param(jnp.zeros((width,)))
    self.width = width
    self.kernel = nnx.Param(jnp.zeros((width or features,)))
    self.bias = nnx.Param(jnp.zeros(()))

  def __call__(self, hidden: jax.Array) -> jax.Array:
    """Maps hidden states [..., F] to log-odds float32[...]."""
    return log_odds(nnx.to_pure_dict(nnx.state(self)), hidden)


def log_odds(weights: Mapping[str, jax.Array], hidden: jax.Array) -> jax.Array:
  """Computes what a head says of hidden states.

  Args:
    weights: of a `ValueHead`, by name.
    hidden: [..., F].

  Returns:
    float32[...].
  """
  x = hidden.astype(jnp.float32)
  if "inner_kernel" in weights:
    inner = jnp.expand_dims(weights["inner_bias"], range(x.ndim - 1))
    x = jax.nn.relu(x @ weights["inner_kernel"] + inner)
  # Summed, not multiplied: a product with one column rounds differently from
  # row to row, and a reward must not depend on what else is in the batch.
  kernel = jnp.expand_dims(weights["kernel"], range(x.ndim - 1))
  return jnp.sum(x * kernel, axis=-1) + weights["bias"]


class ValueReward(nnx.Module):
  """The first layers of a policy, and a head that reads some of them."""

  def __init__(
    self,
    config: architecture.DecoderConfig,
    layers: tuple[int, ...],
    width: int,
    rngs: nnx.Rngs,
  ):
    """Makes one with random weights.

    Args:
      config: of the body, cut after the last layer that is read.
      layers: after which hidden states are read, counted from 1.
      width: of the head's inner layer; 0 for none.
      rngs: for the weights.
    """
    self.decoder = decoder_lib.Decoder(config, rngs, read_after=layers)
    self.score = ValueHead(config.hidden_size * len(layers), width, rngs)


@dataclasses.dataclass(frozen=True, eq=False)
class ValueModel(model.RewardModel):
  """The probability that a solution that goes on from here ends correctly.

  Its head state is the hidden state [..., F] at the last token. It has no
  unembedding.
  """

  @override
  def begin(self, hidden: jax.Array) -> Any:
    return hidden

  @override
  def encode(
    self, params: model.Parameters, head_state: Any, tokens: jax.Array,
    hidden: jax.Array,
  ) -> Any:  # fmt: skip
    del params, head_state, tokens
    return hidden

  @override
  def encode_all(
    self, params: model.Parameters, tokens: jax.Array, solution: jax.Array
  ) -> Any:
    del solution
    return self.hidden(params, tokens)

  @override
  def unembed(self, params: model.Parameters, hidden: jax.Array) -> jax.Array:
    raise TypeError(
      "a value head has no unembedding; load its body with load_model to use "
      "it as a language model."
    )


def body_config(
  config: architecture.DecoderConfig, layers: tuple[int, ...]
) -> architecture.DecoderConfig:
  """Cuts a policy's architecture after the last layer that is read.

  Args:
    config: of the whole policy.
    layers: that are read, counted from 1, rising.

  Returns:
    Of the body, which has no unembedding of its own.

  Raises:
    ValueError: where the policy lacks a layer.
  """
  num_layers = config.num_layers
  rising = all(a < b for a, b in itertools.pairwise(layers))
  if not layers or not rising or layers[0] < 1 or layers[-1] > num_layers:
    raise ValueError(
      f"layers is {layers}; expected one or more rising numbers from 1 to "
      f"{num_layers}, the number of layers of the policy."
    )
  return dataclasses.replace(
    config, num_layers=layers[-1], tie_word_embeddings=True
  )


def check_weights(
  weights: Mapping[str, jax.Array] | None,
  layers: tuple[int, ...],
  config: architecture.DecoderConfig,
) -> None:
  """Compares a head with the layers of a policy that it is to read.

  Args:
    weights: of the head, by name, or None.
    layers: of the policy; () where no head reads it.
    config: of the policy.

  Raises:
    ValueError: for layers without weights, or weights of other layers.
  """
  if not layers:
    return
  features = len(layers) * config.hidden_size
  if weights is None:
    raise ValueError(
      f"the policy reads layers {layers} for a value head, but value_head of "
      "its params is None; expected the head's weights. Give those of "
      "models.load_value_head."
    )
  read = weights.get("inner_kernel", weights["kernel"]).shape[0]
  if read != features:
    raise ValueError(
      f"the value head reads {read} numbers, but layers {layers} of the policy "
      f"have {features}; expected as many. Give the head's own layers, of the "
      "policy that it was trained on."
    )
