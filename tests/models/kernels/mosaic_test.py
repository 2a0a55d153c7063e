"""The kernel for TPU, run without one, against softmax in NumPy."""

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies

from inference_scaling.models.kernels import mosaic
from tests.models.kernels import traffic

P = 2


def oracle(queries, keys, values, starts, stops, num_tokens):
  """Means of values [Q, R, K, M, H], and log-sum-exps of scores, by loops."""
  means = np.zeros(queries.shape)
  totals = np.full(queries.shape[:-1], -np.inf)
  for q, n, k, m in np.ndindex(totals.shape):
    begin = max(0, starts[q, n] + m % num_tokens)
    if begin >= stops[q, n]:
      continue
    live = slice(begin, stops[q, n])
    scores = keys[q, n, k, live] @ queries[q, n, k, m]
    weights = np.exp(scores - scores.max())
    totals[q, n, k, m] = scores.max() + np.log(weights.sum())
    means[q, n, k, m] = weights @ values[q, n, k, live] / weights.sum()
  return means, totals


def arrays(seed, shape, num_heads, num_tokens, dtype):
  """Queries, keys and values for [P, R, K, S, H]."""
  random = np.random.default_rng(seed)
  *rows, _, H = shape
  queries = random.normal(size=(*rows, num_heads * num_tokens, H)) / 4
  cached = random.normal(size=(2, *shape))
  return [
    jnp.array(queries, jnp.float32).astype(dtype).astype(jnp.float32),
    *jnp.array(cached, dtype),
  ]


@functools.partial(jax.jit, static_argnames=("size", "num_tokens"))
def _attend(*arguments, size, num_tokens):
  return mosaic.attend(
    *arguments, size=size, num_tokens=num_tokens, interpret=True
  )


def check(found, expected, dtype):
  """Compares sums, peaks and totals with means and log-sum-exps."""
  sums, peaks, totals = (np.array(part, np.float64) for part in found)
  means, expected_totals = expected
  seen = np.isfinite(expected_totals)
  # Weights are rounded to the dtype of values before they are multiplied.
  tolerance = 1e-5 if dtype == jnp.float32 else 1e-2
  np.testing.assert_array_equal(totals > 0, seen)
  np.testing.assert_array_equal(sums[~seen], 0.0)
  assert (peaks[~seen] < -1e29).all()
  np.testing.assert_allclose(
    (sums / np.where(seen, totals, 1.0)[..., None]), means, atol=tolerance
  )
  np.testing.assert_allclose(
    (peaks + np.log(np.where(seen, totals, 1.0)))[seen],
    expected_totals[seen],
    atol=1e-4,
  )


# Heads a kv head, tokens, entries, head dim, rows and kv heads.
SHAPES = [
  (1, 1, 512, 128, 4, 2), (4, 1, 512, 64, 3, 1), (8, 16, 512, 64, 2, 1),
  (1, 16, 96, 128, 5, 2), (4, 16, 40, 64, 1, 3), (8, 1, 1024, 128, 8, 1),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_live_entries_of_rows(shape, dtype):
  G, T, S, H, R, K = shape
  random = np.random.default_rng(S + R)
  edges = [0, 1, S, S // 2, S // 2 - 1, S // 2 + 1, S - 1]
  stops = np.concatenate([edges, random.integers(0, S + 1, P * R)])[: P * R]
  stops = random.permutation(stops).reshape(P, R).astype(np.int32)
  given = arrays(1, (P, R, K, S, H), G, T, dtype)
  starts = np.full_like(stops, -T)
  # What is not live counts for nothing, however large.
  dead = np.arange(S) >= stops[..., None]
  given[1:] = [
    jnp.where(dead[:, :, None, :, None], jnp.array(99.0, dtype), part)
    for part in given[1:]
  ]
  found = _attend(
    *given, starts, stops, np.arange(P, dtype=np.int32), size=S, num_tokens=T
  )
  exact = [np.array(part, np.float64) for part in given]
  check(found, oracle(*exact, starts, stops, T), dtype)


@pytest.mark.parametrize("num_tokens", [1, 16])
@pytest.mark.parametrize("window", [1, 17, 255, 256, 300])
def test_windows(window, num_tokens):
  S, R = 512, 4
  stops = np.array([[0, 1, 256, 512], [255, 257, 300, 17]], np.int32)
  starts = stops + 1 - window
  given = arrays(2, (P, R, 1, S, 64), 2, num_tokens, jnp.float32)
  found = _attend(
    *given, starts, stops, np.arange(P, dtype=np.int32), size=S,
    num_tokens=num_tokens,
  )  # fmt: skip
  exact = [np.array(part, np.float64) for part in given]
  expected = oracle(*exact, starts, stops, num_tokens)
  check(found, expected, jnp.float32)


def test_one_problem_of_several_in_a_part_of_its_entries():
  S, size, R = 1024, 300, 4  # so that two blocks of four are looked at
  random = np.random.default_rng(3)
  keys, values = jnp.array(random.normal(size=(2, 3, R, 1, S, 64)), "float32")
  queries = jnp.array(random.normal(size=(1, R, 1, 2, 64)) / 4, "float32")
  stops = np.array([[0, 300, 256, 7]], np.int32)
  starts = np.full_like(stops, -1)
  found = _attend(
    queries, keys, values, starts, stops, np.array([2], np.int32), size=size,
    num_tokens=1,
  )  # fmt: skip
  exact = [np.array(x, np.float64) for x in (queries, keys[2:], values[2:])]
  check(found, oracle(*exact, starts, stops, 1), jnp.float32)


@hypothesis.settings(max_examples=20, deadline=None)
@hypothesis.given(strategies.data())
def test_dead_blocks_are_not_fetched(data):
  """Each row's live blocks once, and one block of a row without any."""
  lengths = strategies.lists(strategies.integers(0, 64), min_size=8, max_size=8)
  stops = np.array(data.draw(lengths), np.int32).reshape(2, 4)
  starts = np.array(data.draw(lengths), np.int32).reshape(2, 4) - 5
  rows, entries = data.draw(strategies.sampled_from([1, 2, 4])), 16
  expected = 0
  for start, stop in zip(starts.flat, stops.flat, strict=True):
    first, last = max(0, start) // entries, max(stop - 1, 0) // entries
    expected += entries * max(1, last - first + 1)
  assert traffic.fetched(starts, stops, (rows, entries), 64) == expected


def test_blocks_divide_what_they_cut():
  shapes = [
    (64, 4, 1, 1024, 128), (33, 8, 8, 1056, 64), (7, 1, 128, 32, 128),
    (64, 32, 1, 1024, 128), (2, 64, 16, 4096, 128), (1, 2, 5, 40, 64),
    (64, 4, 128, 1024, 128),
  ]  # fmt: skip
  for R, K, M, S, H in shapes:
    for dtype in (jnp.float32, jnp.bfloat16):
      rows, entries = mosaic.block_shape(R, K, M, S, H, dtype)
      assert rows * K * M <= mosaic.MOST_QUERIES
      assert R % rows == 0 and S % entries == 0
      block = rows * K * entries * H * jnp.dtype(dtype).itemsize
      # Four blocks are held at once, in 16 MiB.
      assert block <= 1 << 21 and (rows == 1 or block <= 1 << 20)
  assert mosaic.block_shape(64, 4, 1, 1024, 128, jnp.bfloat16) == (4, 256)
