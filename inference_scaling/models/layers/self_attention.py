"""Attention of whole texts to themselves, with a backward pass of its own.

Training on a CPU spends half its time in it. The analytic derivative of the
softmax costs one pass over the weights; autodiff costs several, and was
measured at twice the time for forward and backward together.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.models.layers import (
  architecture,
  attention,
)


def causal(
  config: architecture.DecoderConfig,
  num_tokens: int,
  dtype: jax.typing.DTypeLike,
) -> list[Callable]:
  """Makes the attention of whole texts, layer by layer.

  Args:
    config: the architecture, for its sliding windows and its soft cap.
    num_tokens: T.
    dtype: in which keys and values are kept.

  Returns:
    For each layer an `AttendFn` that keeps keys and values.
  """

  def make(window: int | None) -> Callable:
    mask = attention.within_window(attention.causal_mask(num_tokens), window)

    def attend(
      queries: jax.Array, keys: jax.Array, values: jax.Array
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
      queries, keys, values = (x.astype(dtype) for x in (queries, keys, values))
      mixed = attend_within(
        queries, keys, values, mask, config.attention_softcap
      )
      return mixed, (keys, values)

    return attend

  return [make(config.window(i)) for i in range(config.num_layers)]


def attend_within(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  mask: jax.Array,
  softcap: float | None = None,
) -> jax.Array:
  """Attends among the tokens at hand, where nothing is cached.

  Args:
    queries: [P, N, K, G, T, H], after rotation.
    keys: [P, N, K, H, T], after rotation.
    values: [P, N, K, T, H].
    mask: bool[1, 1, T, T]; True may be attended to.
    softcap: of scores, as `attention.cap_softly`.

  Returns:
    [P, N, K, G, T, H], in the dtype of the queries.

  Raises:
    ValueError: where each row has a mask of its own.
  """
  P, N, K, G, T, H = queries.shape
  if mask.shape != (1, 1, T, T):
    raise ValueError(
      f"the mask has shape {mask.shape}; expected {(1, 1, T, T)}, the same for "
      "all rows. For a mask of each row, pass a segment that it masks out."
    )
  # The heads of one kv head become further rows of one matrix product.
  rows = queries.reshape(P * N * K, G * T, H)
  columns = keys.reshape(P * N * K, H, T)
  mixed_in = values.reshape(P * N * K, T, H)
  bias = jnp.where(mask[0], 0.0, attention.MASKED_SCORE)
  bias = jnp.tile(bias, (1, G, 1))
  mixed: Any = _attend(rows * H**-0.5, columns, mixed_in, bias, softcap)
  return mixed.reshape(queries.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def _attend(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  bias: jax.Array,
  softcap: float | None,
) -> jax.Array:
  """softmax(capped(queries keys) + bias) values, [B, G * T, H]."""
  return _attend_forward(queries, keys, values, bias, softcap)[0]


def _attend_forward(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  bias: jax.Array,
  softcap: float | None,
) -> tuple[jax.Array, tuple[Any, ...]]:
  scores = jnp.matmul(queries, keys, preferred_element_type=jnp.float32)
  slope = None
  if softcap is not None:
    scores = attention.cap_softly(scores, softcap)
    slope = 1.0 - jnp.square(scores / softcap)  # of what caps
  weights = jax.nn.softmax(scores + bias).astype(values.dtype)
  mixed = jnp.matmul(weights, values)
  return mixed, (queries, keys, values, weights, mixed, slope)


def _attend_backward(
  softcap: float | None, saved: tuple[Any, ...], gradient: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, None]:
  del softcap
  queries, keys, values, weights, mixed, slope = saved
  to_weights = jnp.matmul(gradient, values.transpose(0, 2, 1))
  # The mean of to_weights under the softmax equals gradient . mixed: no pass
  # over the [T, T] weights is needed for it.
  mean = jnp.sum(gradient * mixed, axis=-1, keepdims=True)
  to_scores = weights * (to_weights - mean)
  if slope is not None:
    to_scores = (to_scores * slope).astype(to_scores.dtype)
  return (
    jnp.matmul(to_scores, keys.transpose(0, 2, 1)),
    jnp.matmul(queries.transpose(0, 2, 1), to_scores),
    jnp.matmul(weights.transpose(0, 2, 1), gradient),
    None,
  )


_attend.defvjp(_attend_forward, _attend_backward)
