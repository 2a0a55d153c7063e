"""A process reward model: a decoder whose scalar head scores each token.

Checking a step takes three things: to predict each of its tokens, to compare
with what was written, and to gather the outcome at the step's end. A network
of millions of parameters learns the first from text, but the other two hardly
at all. So they are built in: the head sees, beside the hidden state, how
unlikely the least likely token so far was, and the log-probability of all
tokens so far, under the decoder's own unembedding. Head and decoder are trained
together on step labels.
"""

import dataclasses
import pathlib
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import transformers
from flax import nnx
from typing_extensions import override

from inference_scaling.models import config as config_lib
from inference_scaling.models import kv_heads, reward_formats
from inference_scaling.models import model as model_lib
from inference_scaling.models.checkpoints import (
  layout,
  saving,
)
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.quantisation import modules

Parameters = layout.Parameters
# A token less likely than exp(-8) is certainly wrong; a floor keeps a single
# such token from deciding the sum over a long solution.
_FLOOR = -8.0


@flax.struct.dataclass
class HeadState:
  """What the head needs of the text so far, beside keys and values.

  Attributes:
    hidden: [..., D], hidden state of the last token.
    lowest: float32[...], smallest log-probability of a solution's token so
      far; 0 before the first.
    total: float32[...], sum of these log-probabilities.
  """

  hidden: jax.Array
  lowest: jax.Array
  total: jax.Array


class ScalarHead(nnx.Module):
  """A linear map from a head state to one logit."""

  def __init__(self, size: int, rngs: nnx.Rngs):
    del rngs  # starts from the likelihood alone, which already tells much
    weights = jnp.zeros((size + 2, 1)).at[size:, 0].set(jnp.array([1.0, 0.1]))
    self.kernel = nnx.Param(weights)
    self.bias = nnx.Param(jnp.ones((1,)))

  def __call__(self, head_state: HeadState) -> jax.Array:
    """Maps head states to logits [...]."""
    kernel = self.kernel[...][:, 0]
    hidden, lowest, total = kernel[:-2], kernel[-2], kernel[-1]
    # Summed, not multiplied: a product with one column rounds differently from
    # row to row, and a reward must not depend on what else is in the batch.
    weights = jnp.expand_dims(hidden, range(head_state.hidden.ndim - 1))
    return (
      jnp.sum(head_state.hidden * weights, axis=-1)
      + head_state.lowest * lowest
      + head_state.total * total
      + self.bias[0]
    )


class StepReward(nnx.Module):
  """A decoder with a scalar head beside its unembedding."""

  def __init__(self, config: config_lib.DecoderConfig, rngs: nnx.Rngs):
    self.decoder = decoder_lib.Decoder(config, rngs)
    self.score = ScalarHead(config.hidden_size, rngs)


@dataclasses.dataclass(frozen=True, eq=False)
class RewardModel(model_lib.Model):
  """A model whose head gives the probability that all is right so far.

  Read at the last token of a step, it is the reward of that step. `forward`,
  `hidden`, `unembed` and `logits` are those of the decoder.

  Attributes:
    reward_format: the external format that this model reads; None for the
      native one, the policy's own tokens.
  """

  reward_format: reward_formats.RewardFormat | None = None

  def begin(self, hidden: jax.Array) -> HeadState:
    """Makes the head state at the end of a prompt.

    Args:
      hidden: [..., D], hidden state of the prompt's last token.

    Returns:
      The head state, axes [...].
    """
    zeros = jnp.zeros(hidden.shape[:-1], jnp.float32)
    return HeadState(hidden, zeros, zeros)

  def encode(
    self,
    params: Parameters,
    head_state: HeadState,
    tokens: jax.Array,
    hidden: jax.Array,
  ) -> HeadState:
    """Encodes the next tokens of a solution.

    Args:
      params: as `self.params`.
      head_state: of the text so far, axes [...].
      tokens: int32[..., T], the next tokens, all of the solution.
      hidden: [..., T, D], their hidden states.

    Returns:
      The head state after each of the tokens, axes [..., T].
    """
    before = jnp.concatenate(
      [head_state.hidden[..., None, :], hidden[..., :-1, :]], axis=-2
    )
    likely = self._log_likelihood(params, before, tokens)
    lowest = jax.lax.cummin(likely, axis=likely.ndim - 1)
    return HeadState(
      hidden=hidden,
      lowest=jnp.minimum(head_state.lowest[..., None], lowest),
      total=head_state.total[..., None] + jnp.cumsum(likely, axis=-1),
    )

  def rewards(self, params: Parameters, head_state: Any) -> jax.Array:
    """Computes probabilities float32[...] of head states with axes [...]."""
    return jax.nn.sigmoid(self.reward_logits(params, head_state))

  def reward_logits(self, params: Parameters, head_state: Any) -> jax.Array:
    """Computes log-odds float32[...] of head states with axes [...]."""
    return nnx.merge(self.graph, params).score(head_state)

  def encode_all(
    self, params: Parameters, tokens: jax.Array, solution: jax.Array
  ) -> HeadState:
    """Encodes whole texts, without a cache.

    Args:
      params: as `self.params`.
      tokens: int32[B, T], prompts and solutions.
      solution: bool[B, T], which tokens are the solution's.

    Returns:
      The head state after each token, axes [B, T].
    """
    hidden = self.hidden(params, tokens)
    before = jnp.pad(hidden[:, :-1], ((0, 0), (1, 0), (0, 0)))
    likely = self._log_likelihood(params, before, tokens)
    likely = jnp.where(solution, likely, 0.0)
    return HeadState(
      hidden=hidden,
      lowest=jax.lax.cummin(likely, axis=1),
      total=jnp.cumsum(likely, axis=1),
    )

  def token_rewards(
    self, params: Parameters, tokens: jax.Array, solution: jax.Array
  ) -> jax.Array:
    """Rewards float32[B, T] after each token of texts; see `encode_all`."""
    return self.rewards(params, self.encode_all(params, tokens, solution))

  def _log_likelihood(
    self, params: Parameters, before: jax.Array, tokens: jax.Array
  ) -> jax.Array:
    """Log-probabilities [..., T] of tokens after hidden states [..., T, D]."""
    logits = self.unembed(params, before)
    chosen = jnp.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return jnp.maximum(chosen - jax.nn.logsumexp(logits, axis=-1), _FLOOR)

  @override
  def _decoder(self, params: Parameters) -> decoder_lib.Decoder:
    return nnx.merge(self.graph, params).decoder


def initial_reward_model(
  config: config_lib.DecoderConfig,
  tokenizer: transformers.PreTrainedTokenizerFast,
  seed: int,
) -> RewardModel:
  """Makes a reward model with random weights, and a head that is not trained.

  Args:
    config: the architecture; embeddings must be tied.
    tokenizer: of the same vocabulary.
    seed: of the weights.

  Returns:
    The model, in float32.

  Raises:
    ValueError: where the embeddings are not tied.
  """
  check_tied(config, "")
  graph, state = nnx.split(StepReward(config, nnx.Rngs(seed)))
  return RewardModel(config, nnx.to_pure_dict(state), tokenizer, graph)


def save_reward_model(model: RewardModel, path: str | pathlib.Path) -> None:
  """Writes a reward model as a folder in Hugging Face format.

  Args:
    model: the model.
    path: the folder, created where missing.

  Raises:
    ValueError: where weights are quantised.
  """
  modules.refuse(model.params, "saved")
  saving.write_folder(
    path,
    config_lib.to_hf(model.config, config_lib.REWARD_ARCHITECTURE),
    saving.stored_tensors(
      kv_heads.drop(model.params, model.config),
      layout.reward_layout(model.config),
    ),
    model.tokenizer,
  )


def check_tied(config: config_lib.DecoderConfig, where: str) -> None:
  """Raises where a config asks for an unembedding of its own."""
  if not config.tie_word_embeddings:
    raise ValueError(
      f"{where}tie_word_embeddings is False; checkpoints of native reward "
      "models store no unembedding, so it must be True."
    )
