"""Attention to stored rows by machine code, against one written in NumPy."""

import jax
import numpy as np
import pytest
from llvmlite import binding

from inference_scaling.models.kernels.cpu import past_attention

attend = jax.jit(past_attention.attend)
rng = np.random.default_rng(0)


def oracle(queries, keys, values, rows, stops):
  """exp(score) of each seen entry, in float64, query by query."""
  Q, R, K, G, T, _ = queries.shape
  N = keys.shape[1]
  mixed = np.zeros(queries.shape)
  totals = np.zeros((Q, R, K, G, T))
  for q, r, k, g, t in np.ndindex(Q, R, K, G, T):
    p, n = divmod(int(rows[q, r]), N)
    seen = slice(0, stops[q, r, t])
    scores = queries[q, r, k, g, t].astype(float) @ keys[p, n, k][:, seen]
    mixed[q, r, k, g, t] = np.exp(scores) @ values[p, n, k][seen]
    totals[q, r, k, g, t] = np.exp(scores).sum()
  return mixed, totals


def draw(G, T, H, S, loud=1.0):
  P, N, K, Q, R = 3, 4, 2, 2, 3
  keys = rng.normal(size=(P, N, K, H, S)).astype(np.float32)
  values = rng.normal(size=(P, N, K, S, H)).astype(np.float32)
  queries = loud * rng.normal(size=(Q, R, K, G, T, H)) / np.sqrt(H)
  rows = rng.permutation(P * N)[: Q * R].reshape(Q, R).astype(np.int32)
  stops = rng.integers(0, S + 1, (Q, R, T)).astype(np.int32)
  stops.flat[:2] = 0, S
  return queries.astype(np.float32), keys, values, rows, stops


# Heads in one go, in several, and of more than the registers hold.
@pytest.mark.parametrize(
  ("G", "T", "H", "S"),
  [(7, 1, 64, 96), (1, 3, 16, 16), (5, 2, 128, 288), (2, 8, 32, 160)],
)
def test_attention_is_that_of_a_softmax(G, T, H, S):
  given = draw(G, T, H, S, loud=4.0)
  sums, peaks, totals = map(np.asarray, attend(*given))
  mixed, expected = oracle(*given)
  none = given[-1][:, :, None, None] == 0
  none = np.broadcast_to(none, totals.shape)
  assert none.any() and (totals[none] == 0).all() and (sums[none] == 0).all()
  assert (peaks[none] < -1e29).all()
  scale = np.exp(peaks[~none].astype(float))
  np.testing.assert_allclose(totals[~none] * scale, expected[~none], rtol=2e-5)
  found = sums[~none] / totals[~none][:, None]
  wanted = mixed[~none] / expected[~none][:, None]
  np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=3e-6)


class _Features(dict):
  """As llvmlite's, of another processor."""

  def flatten(self):
    return ",".join(("-", "+")[has] + name for name, has in self.items())


def test_a_processor_of_half_the_registers_attends_alike(monkeypatch):
  ours = binding.get_host_cpu_features()
  if not ours.get("avx2"):
    pytest.skip("this processor has no AVX2")
  without = _Features(
    {name: has and "512" not in name for name, has in ours.items()}
  )
  monkeypatch.setattr(binding, "get_host_cpu_features", lambda: without)
  monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "haswell")
  made = past_attention._register.cache_info().misses
  test_attention_is_that_of_a_softmax(6, 2, 48, 96)
  # Heads that nobody else has, so that the function was made here.
  assert past_attention._register.cache_info().misses == made + 1


def test_scores_far_apart_do_not_overflow():
  queries, keys, values, rows, stops = draw(3, 1, 16, 160)
  stops[:] = 160
  keys[..., 150] *= 1000  # the highest comes in the last chunk
  sums, peaks, totals = map(
    np.asarray, attend(queries, keys, values, rows, stops)
  )
  assert np.isfinite(sums).all() and np.isfinite(totals).all()
  for q, r, k, g in np.ndindex(*peaks.shape[:4]):
    p, n = divmod(int(rows[q, r]), keys.shape[1])
    score = queries[q, r, k, g, 0].astype(float) @ keys[p, n, k]
    assert peaks[q, r, k, g, 0] == pytest.approx(score.max(), rel=1e-5)
    if score.argmax() == 150 and score.max() > 90:
      np.testing.assert_allclose(
        sums[q, r, k, g, 0], values[p, n, k, 150], rtol=1e-5
      )


def test_what_lies_behind_is_not_read():
  queries, keys, values, rows, stops = draw(4, 1, 32, 64)
  stops[:] = 21
  first = attend(queries, keys, values, rows, stops)
  keys[..., 21:], values[..., 21:, :] = 1e20, -1e20
  second = attend(queries, keys, values, rows, stops)
  jax.tree.map(np.testing.assert_array_equal, first, second)


@pytest.mark.parametrize(("S", "H"), [(40, 16), (32, 24)])
def test_parts_of_registers_are_not_served(S, H):
  assert not past_attention.serves(S, H)
  assert past_attention.serves(32, 16)
