"""Keys and values of prompts, which all beams of a problem share.

Axis letters: P problems, Q of them, S entries, B tokens, K kv heads, H head
dim.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import working_rows
from inference_scaling.models.layers import attention

Layers = working_rows.Layers


def compute(
  model: models.Model, weights: Any, prompts: limits_lib.Prompts, size: int
) -> tuple[jax.Array, Layers]:
  """Runs a model over whole prompts, once a problem.

  Args:
    model: the model.
    weights: its params.
    prompts: P prompts in a bucket of B tokens; what lies behind a prompt's
      end is computed too, and must be masked by whoever attends to it.
    size: S, at least B.

  Returns:
    Hidden states [P, B, D], and for each layer keys and values [P, 1, K, S, H],
    zeros from B on; on a CPU keys are [P, 1, K, H, S].
  """
  tokens = prompts.tokens[:, None]
  positions = jnp.arange(tokens.shape[-1])[None, None]
  hidden, kept = model.forward(
    weights, tokens, jnp.broadcast_to(positions, tokens.shape)
  )
  extra = size - tokens.shape[-1]
  keys_axis = attention.keys_axis(model.hardware)
  if keys_axis != attention.KEYS_AXIS:
    kept = [(keys.swapaxes(-1, -2), values) for keys, values in kept]

  def widen(array: jax.Array, axis: int) -> jax.Array:
    padding = [(0, 0)] * array.ndim
    padding[axis] = (0, extra)
    return jnp.pad(array, padding) if extra else array

  return hidden[:, 0], working_rows.map_arrays(widen, keys_axis, kept)


def take(
  beam_index: beam_index_lib.BeamIndex,
  prompt: Layers,
  size: int,
  keys_axis: int,
) -> Layers:
  """Takes the first entries of the prompts of some problems.

  Args:
    beam_index: which problems.
    prompt: for each layer keys and values [P, 1, K, S, H].
    size: how many entries, at most S.
    keys_axis: which axis of keys is S.

  Returns:
    Keys and values [Q, 1, K, size, H].
  """

  def cut(array: jax.Array, axis: int) -> jax.Array:
    return beam_index.problems(lax.slice_in_dim(array, 0, size, axis=axis))

  return working_rows.map_arrays(cut, keys_axis, prompt)
