"""Attention to prompts by machine code, against one written in NumPy."""

import jax
import numpy as np
import pytest

from inference_scaling.models.kernels.cpu import shared_attention
from tests.models.kernels.cpu import attention_oracle as oracle

attend = jax.jit(shared_attention.attend)
rng = np.random.default_rng(0)


def draw(R, G, T, H, S, loud=1.0):
  P, K, Q = 3, 2, 4
  keys = rng.normal(size=(P, 1, K, H, S)).astype(np.float32)
  values = rng.normal(size=(P, 1, K, S, H)).astype(np.float32)
  queries = loud * rng.normal(size=(Q, R, K, T, G, H)) / np.sqrt(H)
  prompts = np.asarray([2, 0, 1, 2], np.int32)  # of which two share one
  stops = np.asarray([S, 0, S // 2 + 1, 1], np.int32)
  return queries.astype(np.float32), keys, values, prompts, stops


# Rows one by one, in twos, in threes; heads in one go, in several, and of more
# than the registers hold.
@pytest.mark.parametrize(
  ("R", "G", "T", "H", "S"),
  [
    (3, 7, 1, 64, 96),
    (16, 3, 1, 64, 128),
    (6, 1, 3, 128, 16),
    (2, 5, 2, 128, 288),
    (3, 2, 8, 32, 160),
  ],
)
def test_attention_is_that_of_a_softmax(R, G, T, H, S):
  given = draw(R, G, T, H, S, loud=4.0)
  queries, keys, values, prompts, stops = given
  mixed, expected = oracle.sums(
    queries,
    lambda index: keys[prompts[index[0]], 0, index[2]],
    lambda index: values[prompts[index[0]], 0, index[2]],
    lambda index: stops[index[0]],
  )
  none = oracle.check(attend(*given), mixed, expected)
  assert none[1].all() and not none[[0, 2, 3]].any()


def test_a_processor_of_half_the_registers_attends_alike(monkeypatch):
  if not oracle.as_haswell(monkeypatch):
    pytest.skip("this processor has no AVX2")
  made = shared_attention._register.cache_info().misses
  test_attention_is_that_of_a_softmax(4, 6, 2, 48, 96)
  # Heads that nobody else has, so that the function was made here.
  assert shared_attention._register.cache_info().misses == made + 1


def test_rows_at_once_have_the_bits_of_rows_alone():
  queries, *rest = draw(4, 3, 1, 64, 128)
  together = attend(queries, *rest)
  for row in range(4):
    alone = attend(queries[:, row : row + 1], *rest)
    for one, some in zip(alone, together, strict=True):
      np.testing.assert_array_equal(one[:, 0], some[:, row])


def test_scores_far_apart_do_not_overflow():
  queries, keys, values, prompts, stops = draw(3, 3, 1, 16, 160)
  stops[:] = 160
  keys[..., 150] *= 1000  # the highest comes in the last chunk
  sums, peaks, totals = map(
    np.asarray, attend(queries, keys, values, prompts, stops)
  )
  assert np.isfinite(sums).all() and np.isfinite(totals).all()
  highest = 0
  for q, r, k, t, g in np.ndindex(*peaks.shape):
    score = queries[q, r, k, t, g].astype(float) @ keys[prompts[q], 0, k]
    assert peaks[q, r, k, t, g] == pytest.approx(score.max(), rel=1e-5)
    if score.argmax() == 150 and score.max() > 90:
      highest += 1
      np.testing.assert_allclose(
        sums[q, r, k, t, g], values[prompts[q], 0, k, 150], rtol=1e-5
      )
  assert highest


def test_what_lies_behind_is_not_read():
  queries, keys, values, prompts, stops = draw(2, 4, 1, 32, 64)
  stops[:] = 21
  first = attend(queries, keys, values, prompts, stops)
  keys[..., 21:], values[..., 21:, :] = 1e20, -1e20
  second = attend(queries, keys, values, prompts, stops)
  jax.tree.map(np.testing.assert_array_equal, first, second)
