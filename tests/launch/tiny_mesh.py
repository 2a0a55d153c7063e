"""A config for launchers on four devices: the argument is a folder of models.

The policy is that of `tests/sweep/tiny.py`, the reward model one of another
form, so that text goes through the host that holds it at each step.
"""

import pathlib

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx

from inference_scaling import models
from inference_scaling.models.layers import decoder
from inference_scaling.training import tokenizer as tokenizer_lib
from tests.sweep import tiny

KV_HEADS = 2
REWARD_LIMITS = {"prompt_tokens": 40, "step_tokens": 16, "total_tokens": 64}


def get_config(arg):
  """One run, on a mesh, of the sweep in `tests/sweep/tiny.py`."""
  folder = pathlib.Path(arg)
  config = ml_collections.ConfigDict(tiny.config(folder))
  config.policies = {"small": str(folder / "small")}
  config.runs = {"rebase": config.runs.rebase}
  config.runs.rebase.seeds = (0,)
  reward = {
    "format": "llemma",
    "source": str(folder / "reward"),
    **REWARD_LIMITS,
  }
  config.reward = ml_collections.ConfigDict(reward)
  config.mesh = {"data": 2, "model": 2}
  return config


def write_family(folder: pathlib.Path) -> pathlib.Path:
  """Writes small/, reward/ and problems.jsonl into a folder."""
  policy = tiny.policy(*tiny.POLICIES["small"], KV_HEADS)
  models.save_model(policy, folder / "small")
  models.save_model(_reward_model(), folder / "reward")
  tiny.write_problems(folder / "problems.jsonl", range(len(tiny.GOLDS)))
  return folder


def _reward_model():
  """A random language model, as Llemma's reward model is one."""
  tokenizer = tokenizer_lib.build_tokenizer()
  config = tiny.architecture(tokenizer, 16, True, KV_HEADS)
  graph, shapes = nnx.split(
    nnx.eval_shape(lambda: decoder.Decoder(config, nnx.Rngs(0)))
  )
  random = np.random.default_rng(0)
  params = jax.tree.map(
    lambda leaf: jnp.asarray(random.normal(0, 1.5, leaf.shape), jnp.float32),
    nnx.to_pure_dict(shapes),
  )
  return models.Model(config, params, tokenizer, graph)
