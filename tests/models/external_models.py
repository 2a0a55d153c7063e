"""Tiny random reward models of each external format."""

import dataclasses
import functools

import jax.numpy as jnp
from flax import nnx

from inference_scaling import models
from inference_scaling.models import reward_formats
from inference_scaling.models.rewards import external_reward
from tests.models import tiny, tokenizers_of

REWARD_FORMATS = sorted(reward_formats.REWARD_FORMATS)
# Not the real ones, and different from each other.
_CONFIGS = {
  "llemma": {"num_kv_heads": 1, "tie_word_embeddings": False},
  "math_shepherd": {
    "family": "mistral", "sliding_window": 21, "tie_word_embeddings": False,
  },
  "rlhflow": {
    "tie_word_embeddings": False,
    "rope_scaling": models.RopeScaling("llama3", 3.0, 1.0, 4.0, 32),
  },
  "skywork": {"family": "qwen2", "qkv_bias": True},
  "qwen_prm": {
    "family": "qwen2", "qkv_bias": True, "tie_word_embeddings": False,
  },
}  # fmt: skip


def config(name: str) -> models.DecoderConfig:
  """The architecture of a format's tiny model."""
  tokenizer = tokenizers_of.for_format(name)
  return dataclasses.replace(
    tiny.NO_GROUPS, num_layers=2, norm_eps=1e-3, rope_theta=300.0,
    vocab_size=len(tokenizer) // 4 * 4 + 8, max_position_embeddings=512,
    **_CONFIGS[name] | {"hidden_size": 24, "num_heads": 4} |
    ({"head_dim": 6} if _CONFIGS[name].get("family") == "qwen2" else {}),
    **({} if "num_kv_heads" in _CONFIGS[name] else {"num_kv_heads": 2}),
  )  # fmt: skip


@functools.cache
def make(name: str) -> external_reward.ExternalRewardModel:
  """A random reward model of a format, whose rewards differ."""
  decoder = dataclasses.replace(config(name), tie_word_embeddings=True)
  reward_format = reward_formats.make_reward_format(
    name, tokenizers_of.for_format(name)
  )
  graph, shapes = nnx.split(
    nnx.eval_shape(
      lambda: external_reward.ExternalReward(
        decoder, reward_format.head.module, nnx.Rngs(0)
      )
    )
  )
  shapes = nnx.to_pure_dict(shapes)
  del shapes["score"]["bias"]
  params = tiny.shake(shapes, seed=REWARD_FORMATS.index(name))
  # So that rewards lie about 1/2.
  params["score"]["kernel"] -= params["score"]["kernel"].mean()
  params["score"]["bias"] = jnp.float32(0.1)
  return external_reward.ExternalRewardModel(
    decoder, params, reward_format.tokenizer, graph, reward_format
  )
