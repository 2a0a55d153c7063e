"""Reward models that others have published: a decoder, a head and a format."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx
from typing_extensions import override

from inference_scaling.models.checkpoints import layout
from inference_scaling.models.layers import architecture
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.rewards import model

Parameters = layout.Parameters


class ExternalReward(nnx.Module):
  """A decoder with one of the heads of `reward_heads`."""

  def __init__(
    self,
    config: architecture.DecoderConfig,
    head: Callable[[int], nnx.Module],
    rngs: nnx.Rngs,
  ):
    self.decoder = decoder_lib.Decoder(config, rngs)
    self.score = head(config.hidden_size)


@dataclasses.dataclass(frozen=True, eq=False)
class ExternalRewardModel(model.RewardModel):
  """A model that reads text in an external format.

  Its head needs only the hidden state [..., D] at the last token of a step's
  piece, which is the head state. There is no unembedding: what a head needs
  of it was folded when the model was loaded.
  """

  @override
  def begin(self, hidden: jax.Array) -> Any:
    return hidden

  @override
  def encode(
    self,
    params: Parameters,
    head_state: Any,
    tokens: jax.Array,
    hidden: jax.Array,
  ) -> Any:
    del params, head_state, tokens
    return hidden

  @override
  def rewards(self, params: Parameters, head_state: Any) -> jax.Array:
    score = nnx.merge(self.graph, params).score
    return score.reward(score(head_state))

  @override
  def encode_all(
    self, params: Parameters, tokens: jax.Array, solution: jax.Array
  ) -> Any:
    del solution
    return self.hidden(params, tokens)

  @override
  def unembed(self, params: Parameters, hidden: jax.Array) -> jax.Array:
    assert self.reward_format is not None
    raise TypeError(
      f"a reward model of format {self.reward_format.name!r} has no "
      "unembedding; load the checkpoint with load_model to use it as a "
      "language model."
    )
