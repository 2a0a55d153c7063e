"""Attention of whole texts to themselves, with a backward pass of its own.

Training spends half its time here on a CPU. Differentiating the softmax by
rule costs one pass over the weights; leaving it to autodiff costs several, and
was measured at twice the time for forward and backward together.
"""

import jax
import jax.numpy as jnp

from inference_scaling.models import attention


def attend_within(
  queries: jax.Array, keys: jax.Array, values: jax.Array, mask: jax.Array
) -> jax.Array:
  """Attends among the tokens at hand, where nothing is cached.

  Args:
    queries: [P, N, T, K, G, H], after rotation.
    keys: [P, N, T, K, H], after rotation.
    values: as keys.
    mask: bool[1, 1, T, T]; True may be attended to.

  Returns:
    [P, N, T, K, G, H], in the dtype of the queries.

  Raises:
    ValueError: where each row has a mask of its own.
  """
  P, N, T, K, G, H = queries.shape
  if mask.shape != (1, 1, T, T):
    raise ValueError(
      f"the mask has shape {mask.shape}; expected {(1, 1, T, T)}, the same for "
      "all rows. For a mask of each row, pass a segment that it masks out."
    )
  # The heads of one kv head become further rows of one matrix product.
  rows = queries.transpose(0, 1, 3, 4, 2, 5).reshape(P * N * K, G * T, H)
  columns, mixed_in = (
    x.transpose(0, 1, 3, 2, 4).reshape(P * N * K, T, H) for x in (keys, values)
  )
  bias = jnp.where(mask[0], 0.0, attention.MASKED_SCORE)
  bias = jnp.tile(bias, (1, G, 1))
  mixed = _attend(rows * H**-0.5, columns, mixed_in, bias)
  return mixed.reshape(P, N, K, G, T, H).transpose(0, 1, 4, 2, 3, 5)


@jax.custom_vjp
def _attend(queries, keys, values, bias):
  """softmax(queries keys^T + bias) values, [B, G * T, H] each."""
  return _attend_forward(queries, keys, values, bias)[0]


def _attend_forward(queries, keys, values, bias):
  scores = jnp.matmul(
    queries, keys.transpose(0, 2, 1), preferred_element_type=jnp.float32
  )
  weights = jax.nn.softmax(scores + bias).astype(values.dtype)
  mixed = jnp.matmul(weights, values)
  return mixed, (queries, keys, values, weights, mixed)


def _attend_backward(saved, gradient):
  queries, keys, values, weights, mixed = saved
  to_weights = jnp.matmul(gradient, values.transpose(0, 2, 1))
  # The mean of to_weights under the softmax equals gradient . mixed: no pass
  # over the [T, T] weights is needed for it.
  mean = jnp.sum(gradient * mixed, axis=-1, keepdims=True)
  to_scores = weights * (to_weights - mean)
  return (
    jnp.matmul(to_scores, keys),
    jnp.matmul(to_scores.transpose(0, 2, 1), queries),
    jnp.matmul(weights.transpose(0, 2, 1), gradient),
    None,
  )


_attend.defvjp(_attend_forward, _attend_backward)
