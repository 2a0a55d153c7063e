"""Tiny random reward models of each external format."""

import dataclasses
import functools
import json
import pathlib

import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from flax import nnx

from inference_scaling import models
from inference_scaling.models import config as config_lib
from inference_scaling.models import families, reward_formats
from inference_scaling.models.checkpoints import layout, saving
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
  "outcome_chat": {"tie_word_embeddings": False},
  "pure": {"family": "qwen2", "qkv_bias": True},
  "reasonflux": {
    "family": "qwen2", "qkv_bias": True, "tie_word_embeddings": False,
    "num_kv_heads": 1,
  },
  "reasonflux_1_5b": {"family": "qwen2", "qkv_bias": True},
  "eurus_rm": {
    "family": "mistral", "sliding_window": 21, "tie_word_embeddings": False,
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


def write(name: str, folder: pathlib.Path, **tensors) -> dict[str, np.ndarray]:
  """Writes a random checkpoint of a format.

  Args:
    name: of the format.
    folder: which is there.
    **tensors: in place of random ones; None to leave one out.

  Returns:
    The tensors.
  """
  settings = config(name)
  model = make(name)
  entries = layout.decoder_layout(settings)
  stored = dict(saving.stored_tensors(model.params["decoder"], entries))
  size = settings.hidden_size
  rng = np.random.default_rng(0)
  shapes = model.reward_format.head.tensors(size)
  if not settings.tie_word_embeddings:
    shapes = {**shapes, "lm_head.weight": (settings.vocab_size, size)}
  for key, shape in shapes.items():
    stored[key] = rng.normal(size=shape).astype(np.float32)
  stored = {k: v for k, v in (stored | tensors).items() if v is not None}
  safetensors.numpy.save_file(stored, folder / "model.safetensors")
  known = models.reward_architectures(name)
  own = families.FAMILIES[settings.family].architecture.removesuffix("CausalLM")
  of_family = [kind for kind in known if kind.startswith(own)] or known
  raw = config_lib.to_hf(settings, of_family[0] if known else None)
  (folder / "config.json").write_text(json.dumps(raw))
  tokenizers_of.for_format(name).save_pretrained(folder)
  return stored
