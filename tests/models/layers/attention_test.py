"""Attention over segments against a softmax written out in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.models.layers import (
  attention,
  self_attention,
)


def _normal(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _oracle(queries, keys, values, mask):
  """One query at a time, in float64.

  Args:
    queries: [P, N, K, G, T, H].
    keys: [P, N, K, H, S].
    values: [P, N, K, S, H].
    mask: bool[P, N, T, S], at least one True a row.
  """
  mixed = np.zeros(queries.shape)
  for p, n, k, g, t in np.ndindex(queries.shape[:-1]):
    seen = np.flatnonzero(mask[p, n, t])
    scores = [
      float(queries[p, n, k, g, t] @ keys[p, n, k, :, s])
      / np.sqrt(queries.shape[-1])
      for s in seen
    ]
    weights = np.exp(np.array(scores) - max(scores))
    weights /= weights.sum()
    for s, weight in zip(seen, weights, strict=True):
      mixed[p, n, k, g, t] += weight * values[p, n, k, s]
  return mixed


# Mask axes that stand at full size; the others are 1, to be broadcast.
@pytest.mark.parametrize("mask_axes", ["PNTS", "NTS", "PTS", "PNS", "PS", "TS"])
@pytest.mark.parametrize("T", [1, 4])
def test_segments_share_one_softmax(mask_axes, T):
  P, N, K, G, H, lengths = 2, 3, 2, 2, 4, (5, 3, 4)
  queries = 2 * _normal(0, P, N, K, G, T, H)
  segments, whole = [], []
  for number, S in enumerate(lengths):
    beams = 1 if number == 0 else N  # the first is shared, as a prompt is
    keys = _normal(10 + number, P, beams, K, H, S)
    values = _normal(20 + number, P, beams, K, S, H)
    sizes = {"P": P, "N": N, "T": T, "S": S}
    shape = [size if axis in mask_axes else 1 for axis, size in sizes.items()]
    mask = np.random.default_rng(number).random(shape) < 0.6
    mask[..., 0] = True
    segments.append(attention.Segment(keys, values, jnp.asarray(mask)))
    full = (
      np.broadcast_to(keys, (P, N, K, H, S)),
      np.broadcast_to(values, (P, N, K, S, H)),
      np.broadcast_to(mask, (P, N, T, S)),
    )
    whole.append(full)
  keys = np.concatenate([k for k, _, _ in whole], axis=4)
  values = np.concatenate([v for _, v, _ in whole], axis=3)
  mask = np.concatenate([m for _, _, m in whole], axis=3)
  mixed = jax.jit(attention.attend)(queries, tuple(segments))
  expected = _oracle(queries, keys, values, mask)
  np.testing.assert_allclose(mixed, expected, rtol=0, atol=1e-5)


def test_masked_positions_do_not_matter():
  queries = _normal(0, 1, 2, 1, 2, 1, 4)
  keys, values = _normal(1, 1, 2, 1, 4, 6), _normal(2, 1, 2, 1, 6, 4)
  mask = (
    jnp.arange(6)[None, None, None] < jnp.array([4, 2])[None, :, None, None]
  )
  before = attention.attend(queries, (attention.Segment(keys, values, mask),))
  for beam, length in enumerate((4, 2)):
    keys[0, beam, ..., length:] = 1e4
    values[0, beam, :, length:] = -1e4
  after = attention.attend(queries, (attention.Segment(keys, values, mask),))
  np.testing.assert_array_equal(before, after)


def test_row_with_nothing_to_attend_to_is_finite():
  queries = _normal(0, 1, 1, 1, 2, 1, 4)
  keys, values = _normal(1, 1, 1, 1, 4, 6), _normal(2, 1, 1, 1, 6, 4)
  nothing = attention.Segment(keys, values, jnp.zeros((1, 1, 1, 6), bool))
  mixed = attention.attend(queries, (nothing,))
  average = values[0, 0, 0].mean(0)
  np.testing.assert_allclose(mixed[0, 0, 0, 0, 0], average, rtol=1e-5)


def test_huge_scores_do_not_overflow():
  queries = 1e3 * _normal(0, 1, 1, 1, 1, 2, 4)
  keys, values = 1e3 * _normal(1, 1, 1, 1, 4, 2), _normal(2, 1, 1, 1, 2, 4)
  mask = attention.causal_mask(2)
  mixed = attention.attend(queries, (attention.Segment(keys, values, mask),))
  within = self_attention.attend_within(queries, keys, values, mask)
  assert np.isfinite(mixed).all()
  np.testing.assert_allclose(within, mixed, rtol=0, atol=1e-6)


def test_half_precision_is_near_and_segments_are_summed_in_float32():
  queries = _normal(0, 1, 1, 1, 2, 2, 4)
  keys, values = _normal(1, 1, 1, 1, 4, 2), _normal(2, 1, 1, 1, 2, 4)
  mask = attention.causal_mask(2)
  expected = _oracle(queries, keys, values, np.asarray(mask))
  half = [jnp.asarray(x, jnp.bfloat16) for x in (queries, keys, values)]
  mixed = attention.attend(half[0], (attention.Segment(*half[1:], mask),))
  within = self_attention.attend_within(*half, mask)
  assert mixed.dtype == jnp.float32 and within.dtype == jnp.bfloat16
  for result in (mixed, within):
    np.testing.assert_allclose(
      result.astype(np.float32), expected, rtol=0, atol=0.03
    )


def test_queries_are_taken_in_the_dtype_of_the_keys():
  # As in decoding: queries come in float32, keys may be kept in bfloat16.
  queries = _normal(0, 1, 2, 1, 2, 1, 4)
  keys = jnp.asarray(_normal(1, 1, 2, 1, 4, 3), jnp.bfloat16)
  values = jnp.asarray(_normal(2, 1, 2, 1, 3, 4), jnp.bfloat16)
  mask = jnp.ones((1, 2, 1, 3), bool)
  mixed = attention.attend(queries, (attention.Segment(keys, values, mask),))
  expected = _oracle(
    queries, *(np.asarray(x, np.float32) for x in (keys, values)), mask
  )
  np.testing.assert_allclose(mixed, expected, rtol=0, atol=0.03)


def test_causal_mask_as_a_picture():
  expected = [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
  np.testing.assert_array_equal(attention.causal_mask(3)[0, 0], expected)


@pytest.mark.parametrize(
  "window,expected",
  [
    (None, [[1, 0, 0], [1, 1, 0], [1, 1, 1]]),
    (3, [[1, 0, 0], [1, 1, 0], [1, 1, 1]]),
    (2, [[1, 0, 0], [1, 1, 0], [0, 1, 1]]),
    (1, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
  ],
)
def test_window_as_a_picture(window, expected):
  mask = attention.within_window(attention.causal_mask(3), window)
  np.testing.assert_array_equal(mask[0, 0], expected)


def _naive(queries, keys, values, mask, softcap=None):
  """Softmax attention for autodiff, with other contractions."""
  scores = jnp.einsum("pnkgth,pnkhs->pnkgts", queries, keys)
  scores = scores / np.sqrt(queries.shape[-1])
  if softcap is not None:
    scores = jnp.tanh(scores / softcap) * softcap
  scores = jnp.where(mask[:, :, None, None], scores, -jnp.inf)
  exponents = jnp.exp(scores - scores.max(-1, keepdims=True))
  weights = exponents / exponents.sum(-1, keepdims=True)
  return jnp.einsum("pnkgts,pnksh->pnkgth", weights, values)


@pytest.mark.parametrize(
  "P,N,K,G,softcap",
  [(1, 1, 1, 1, None), (2, 1, 2, 3, None), (2, 2, 1, 2, None),
   (2, 1, 2, 3, 0.7)],
)  # fmt: skip
@pytest.mark.parametrize("banded", [False, True])
def test_attend_within_and_its_gradient(P, N, K, G, banded, softcap):
  T, H = 6, 4
  queries = _normal(0, P, N, K, G, T, H)
  keys, values = _normal(1, P, N, K, H, T), _normal(2, P, N, K, T, H)
  mask = attention.causal_mask(T)
  if banded:
    mask &= ~np.tri(T, T, -3, dtype=bool)[None, None]
  pull = _normal(3, *queries.shape)

  def value_and_gradients(function):
    outputs, backward = jax.vjp(
      lambda *inputs: function(*inputs, mask, softcap), queries, keys, values
    )
    return outputs, *backward(jnp.asarray(pull))

  run = jax.jit(value_and_gradients, static_argnums=0)
  actual = run(self_attention.attend_within)
  expected = run(_naive)
  for got, want in zip(actual, expected, strict=True):
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)


def test_segments_are_capped_before_they_are_masked():
  queries = 3 * _normal(0, 2, 2, 1, 2, 3, 4)
  keys, values = _normal(1, 2, 2, 1, 4, 3), _normal(2, 2, 2, 1, 3, 4)
  mask = attention.causal_mask(3)
  whole = (attention.Segment(keys, values, mask),)
  cut = tuple(
    attention.Segment(keys[..., part], values[:, :, :, part], mask[..., part])
    for part in (slice(0, 2), slice(2, 3))
  )
  expected = _naive(queries, keys, values, mask, 0.7)
  assert np.abs(expected - attention.attend(queries, whole)).max() > 0.01
  for segments in (whole, cut):
    mixed = attention.attend(queries, segments, softcap=0.7)
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=1e-5)


def test_attend_within_refuses_a_mask_of_each_row():
  # It has one mask for all rows; another must not be taken for it.
  queries = _normal(0, 2, 1, 1, 1, 3, 4)
  keys, values = _normal(1, 2, 1, 1, 4, 3), _normal(2, 2, 1, 1, 3, 4)
  mask = jnp.ones((2, 1, 3, 3), bool)
  with pytest.raises(ValueError, match=r"\(2, 1, 3, 3\)"):
    self_attention.attend_within(queries, keys, values, mask)
