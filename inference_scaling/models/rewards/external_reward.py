"""Reward models that others have published: a decoder, a head and a format."""

import dataclasses
from typing import Any

import jax
from flax import nnx

from inference_scaling.models.checkpoints import layout
from inference_scaling.models.layers import architecture
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.rewards import model

Parameters = layout.Parameters


class ExternalReward(nnx.Module):
  """A decoder with one of the heads of `reward_heads` on its last states."""

  def __init__(
    self,
    config: architecture.DecoderConfig,
    head: type[nnx.Module],
    rngs: nnx.Rngs,
  ):
    self.decoder = decoder_lib.Decoder(config, rngs)
    self.score = head(config.hidden_size)


@dataclasses.dataclass(frozen=True, eq=False)
class ExternalRewardModel(model.RewardModel):
  """A model that reads text in a format of its own.

  A reward is read at the last token of a step's piece, from the hidden state
  there and nothing else. There is no unembedding: what a head needs of it was
  folded when the model was loaded.
  """

  def begin(self, hidden: jax.Array) -> jax.Array:
    """Begins a reading: the hidden states [..., D] themselves."""
    return hidden

  def read(
    self,
    params: Parameters,
    reading: jax.Array,
    tokens: jax.Array,
    hidden: jax.Array,
  ) -> jax.Array:
    """Reads on; arguments as `RewardModel.read`, of which one is needed."""
    del params, reading, tokens
    return hidden

  def read_all(
    self, params: Parameters, tokens: jax.Array, solution: jax.Array
  ) -> jax.Array:
    """Reads whole texts, without a cache; as `RewardModel.read_all`."""
    del solution
    return self.hidden(params, tokens)

  def unembed(self, params: Parameters, hidden: jax.Array) -> Any:
    """Raises, since there is no unembedding."""
    raise TypeError(
      f"a reward model of format {self.reward_format.name!r} has no "
      "unembedding; load the checkpoint with load_model to use it as a "
      "language model."
    )
