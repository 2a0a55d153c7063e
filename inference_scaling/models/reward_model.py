"""A process reward model: a decoder whose scalar head judges each token."""

import dataclasses
import pathlib

import jax
import numpy as np
import transformers
from flax import nnx

from inference_scaling.models import checkpoint, layout
from inference_scaling.models import config as config_lib
from inference_scaling.models import decoder as decoder_lib
from inference_scaling.models import model as model_lib

Parameters = layout.Parameters


class ScalarHead(nnx.Module):
  """A linear map from a hidden state to one logit."""

  def __init__(self, size: int, rngs: nnx.Rngs):
    init = nnx.initializers.zeros_init()
    self.kernel = nnx.Param(init(rngs.params(), (size, 1)))
    self.bias = nnx.Param(init(rngs.params(), (1,)))

  def __call__(self, hidden: jax.Array) -> jax.Array:
    """Maps [..., D] to logits [...]."""
    return (hidden @ self.kernel[...])[..., 0] + self.bias[0]


class StepReward(nnx.Module):
  """A decoder with a scalar head beside its unembedding."""

  def __init__(self, config: config_lib.DecoderConfig, rngs: nnx.Rngs):
    self.decoder = decoder_lib.Decoder(config, rngs)
    self.score = ScalarHead(config.hidden_size, rngs)


@dataclasses.dataclass(frozen=True, eq=False)
class RewardModel(model_lib.Model):
  """A model whose head gives the probability that all is right so far.

  Read at the last token of a step, it is the reward of that step. `forward`,
  `unembed` and `logits` are those of the decoder.
  """

  def rewards(self, params: Parameters, hidden: jax.Array) -> jax.Array:
    """Turns hidden states [..., D] into probabilities float32[...]."""
    return jax.nn.sigmoid(self.reward_logits(params, hidden))

  def reward_logits(self, params: Parameters, hidden: jax.Array) -> jax.Array:
    """Turns hidden states [..., D] into log-odds float32[...]."""
    return nnx.merge(self.graph, params).score(hidden)

  def token_rewards(self, params: Parameters, tokens: jax.Array) -> jax.Array:
    """Rewards float32[B, T] of every prefix of whole texts int32[B, T]."""
    return self.rewards(params, self.hidden(params, tokens))

  def _decoder(self, params: Parameters) -> decoder_lib.Decoder:
    return nnx.merge(self.graph, params).decoder


def load_reward_model(path: str | pathlib.Path) -> RewardModel:
  """Loads a reward model from a folder in Hugging Face format.

  The format is that of transformers' LlamaForTokenClassification with one
  label: a decoder without unembedding, `score.weight` and `score.bias`.

  Args:
    path: folder with config.json, safetensors and tokenizer.json.

  Returns:
    The model, in float32.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken, the architecture is not supported, or
      tensors do not fit the architecture.
  """
  config = config_lib.read_config(path, config_lib.REWARD_ARCHITECTURE)
  return model_lib.load_into(
    RewardModel, StepReward, config, layout.reward_layout(config), path
  )


def initial_reward_model(
  config: config_lib.DecoderConfig,
  tokenizer: transformers.PreTrainedTokenizerFast,
  seed: int,
) -> RewardModel:
  """Makes a reward model with random weights and an indifferent head.

  Args:
    config: the architecture; embeddings must be tied, since the format has no
      place for an unembedding.
    tokenizer: of the same vocabulary.
    seed: of the weights.

  Returns:
    The model, in float32.

  Raises:
    ValueError: where the embeddings are not tied.
  """
  if not config.tie_word_embeddings:
    raise ValueError(
      "tie_word_embeddings is False; a reward model has no unembedding, so "
      "set it to True."
    )
  graph, state = nnx.split(StepReward(config, nnx.Rngs(seed)))
  return RewardModel(config, nnx.to_pure_dict(state), tokenizer, graph)


def save_reward_model(model: RewardModel, path: str | pathlib.Path) -> None:
  """Writes a reward model as a folder in Hugging Face format.

  Args:
    model: the model.
    path: the folder, created where missing.
  """
  tensors = layout.to_checkpoint(
    model.params, layout.reward_layout(model.config)
  )
  tensors = {k: v.astype(np.float32) for k, v in tensors.items()}
  raw = config_lib.to_hf(model.config, config_lib.REWARD_ARCHITECTURE)
  raw["num_labels"] = 1
  raw["id2label"] = {"0": "right so far"}
  checkpoint.write_folder(path, raw, tensors, model.tokenizer)
