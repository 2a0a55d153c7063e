"""Keys and values of prompts, which all beams of a problem share.

Where all prompts begin with the same tokens, those of examples for instance,
the keys and values of these are computed once, not once a problem, and one
product of a layer attends to them for all problems in flight. They go where the
weights go, as `Prefixed`: they belong to no problem.

Axis letters: P problems, Q of them, S entries, B tokens, K kv heads, H head
dim.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import stored_rows, working_rows
from inference_scaling.models.layers import attention

Layers = working_rows.Layers


class Prefixed(flax.struct.PyTreeNode):
  """A model's weights, and what it makes of the tokens that begin all prompts.

  Attributes:
    weights: the model's params.
    prefix: for each layer keys and values [1, 1, K, S, H] of S tokens; on a CPU
      keys are [1, 1, K, H, S].
  """

  weights: Any
  prefix: Layers


def split(weights: Any) -> tuple[Any, Layers]:
  """Parts weights from the prefix that may come with them.

  Args:
    weights: a model's params, or `Prefixed`.

  Returns:
    The params, and the prefix; () where there is none.
  """
  if isinstance(weights, Prefixed):
    return weights.weights, weights.prefix
  return weights, ()


def prefix(model: models.Model, weights: Any, tokens: jax.Array) -> Layers:
  """Computes what all prompts begin with.

  Args:
    model: the model.
    weights: its params.
    tokens: int32[S], at least 1.

  Returns:
    As `Prefixed.prefix`.
  """
  lengths = jnp.full(1, len(tokens), jnp.int32)
  prompts = limits_lib.Prompts(tokens[None], lengths)
  return compute(model, weights, prompts, len(tokens))[1]


def compute(
  model: models.Model, weights: Any, prompts: limits_lib.Prompts, size: int
) -> tuple[jax.Array, Layers]:
  """Runs a model over whole prompts, once a problem.

  Args:
    model: the model.
    weights: its params, or `Prefixed`: then prompts are what follows.
    prompts: P prompts in a bucket of B tokens; what lies behind a prompt's
      end is computed too, and must be masked by whoever attends to it.
    size: S, at least B.

  Returns:
    Hidden states [P, B, D], and for each layer keys and values [P, 1, K, S, H],
    zeros from B on; on a CPU keys are [P, 1, K, H, S].
  """
  weights, prefix = split(weights)
  tokens = prompts.tokens[:, None]
  B = tokens.shape[-1]
  begin = working_rows.prefix_size(prefix)
  positions = jnp.arange(begin, begin + B)[None, None]
  positions = jnp.broadcast_to(positions, tokens.shape)
  keys_axis = attention.keys_axis(model.hardware)
  if prefix:
    rows = _empty_rows(model, prefix, len(tokens), B)
    hidden, kept = model.forward(
      weights, tokens, positions, rows.attention(model.config, B)
    )
  else:
    hidden, kept = model.forward(weights, tokens, positions)
    if keys_axis != attention.KEYS_AXIS:
      kept = [(keys.swapaxes(-1, -2), values) for keys, values in kept]

  def widen(array: jax.Array, axis: int) -> jax.Array:
    padding = [(0, 0)] * array.ndim
    padding[axis] = (0, size - B)
    return jnp.pad(array, padding) if size > B else array

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


def _empty_rows(
  model: models.Model, prefix: Layers, num_problems: int, size: int
) -> stored_rows.AnyRows:
  """One row a problem, of nothing but the prefix so far."""
  keys_axis = attention.keys_axis(model.hardware)

  def make(array: jax.Array, axis: int) -> jax.Array:
    shape = [num_problems, *array.shape[1:]]
    shape[axis] = size
    return jnp.zeros(shape, array.dtype)

  own = working_rows.map_arrays(make, keys_axis, prefix)
  nothing = jnp.zeros((num_problems, 1), jnp.int32)
  if stored_rows.serves(model.config, model.hardware, (size,)):
    # As each problem's prompt: products of XLA for so many scores took longer
    # than all else of a prefill.
    length = working_rows.prefix_size(prefix)
    return stored_rows.StoredRows(
      prompt=stored_rows.as_prompts(prefix, num_problems),
      prompt_lengths=jnp.full(num_problems, length, jnp.int32),
      own=own,
      lengths=nothing,
      beam_index=beam_index_lib.ALL,
    )
  return working_rows.Rows(
    prompt=(),
    prompt_lengths=nothing[:, 0],
    own=own,
    lengths=nothing,
    buffer=None,
    prompt_size=0,
    size=size,
    keys_axis=keys_axis,
    prefix=prefix,
  )
