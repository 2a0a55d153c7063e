"""Attention to stored rows by machine code, against one written in NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.models.kernels.cpu import (
  own_attention,
  shared_attention,
)
from tests.models.kernels.cpu import attention_oracle as oracle

run = jax.jit(own_attention.append_and_attend)
rng = np.random.default_rng(0)
P, N, K, Q, R = 3, 4, 2, 2, 3


def draw(G, T, H, S, loud=1.0):
  def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)

  stored = normal(P, N, K, H, S), normal(P, N, K, S, H)
  new = normal(Q, R, K, H, T), normal(Q, R, K, T, H)
  queries = (loud / np.sqrt(H)).astype(np.float32) * normal(Q, R, K, T, G, H)
  rows = rng.permutation(P * N)[: Q * R].reshape(Q, R).astype(np.int32)
  lengths = rng.integers(0, S - T + 1, (Q, R)).astype(np.int32)
  # One begins, one comes to the end, one passes it, one has passed it.
  lengths.flat[:4] = 0, S - T, S - T + 1, S
  return queries, new, stored, rows, lengths


def nothing(queries):
  """A softmax over no entries."""
  totals = np.zeros(queries.shape[:-1], np.float32)
  return np.zeros_like(queries), totals - 1e30, totals


def longer(new, stored, rows, lengths):
  """The storage behind the new tokens, by NumPy."""
  keys, values = (array.copy() for array in stored)
  S = values.shape[3]
  for q, r, t in np.ndindex(Q, R, new[1].shape[3]):
    p, n = divmod(int(rows[q, r]), N)
    if lengths[q, r] + t < S:
      keys[p, n, :, :, lengths[q, r] + t] = new[0][q, r, :, :, t]
      values[p, n, :, lengths[q, r] + t] = new[1][q, r, :, t]
  return keys, values


def wanted(queries, stored, rows, lengths):
  keys, values = (array.reshape(P * N, *array.shape[2:]) for array in stored)
  return oracle.sums(
    queries,
    lambda index: keys[rows[index[:2]], index[2]],
    lambda index: values[rows[index[:2]], index[2]],
    lambda index: min(lengths[index[:2]] + index[3] + 1, values.shape[2]),
  )


# Heads in one go, in several, and of more than the registers hold.
@pytest.mark.parametrize(
  ("G", "T", "H", "S"),
  [(7, 1, 64, 96), (1, 3, 16, 16), (5, 2, 128, 288), (2, 8, 32, 160)],
)
def test_rows_grow_and_attention_is_that_of_a_softmax(G, T, H, S):
  queries, new, stored, rows, lengths = draw(G, T, H, S, loud=4.0)
  sums, kept = run(queries, new, stored, rows, lengths, nothing(queries))
  expected = longer(new, stored, rows, lengths)
  jax.tree.map(np.testing.assert_array_equal, kept, expected)
  assert not (kept[0] == stored[0]).all()
  mixed, totals = wanted(queries, expected, rows, lengths)
  assert not oracle.check(sums, mixed, totals).any()


def test_a_processor_of_half_the_registers_attends_alike(monkeypatch):
  if not oracle.as_haswell(monkeypatch):
    pytest.skip("this processor has no AVX2")
  made = own_attention._register.cache_info().misses
  test_rows_grow_and_attention_is_that_of_a_softmax(6, 2, 48, 96)
  # Heads that nobody else has, so that the function was made here.
  assert own_attention._register.cache_info().misses == made + 1


def test_what_was_begun_is_gone_on_with():
  queries, new, stored, rows, lengths = draw(3, 2, 32, 64)
  prompt = tuple(array[:, :1] for array in draw(3, 2, 32, 48, loud=3.0)[2])
  prompts, stops = np.asarray([2, 0], np.int32), np.asarray([40, 0], np.int32)
  begun = shared_attention.attend(queries, *prompt, prompts, stops)
  sums, _ = run(queries, new, stored, rows, lengths, begun)
  mixed, totals = wanted(
    queries, longer(new, stored, rows, lengths), rows, lengths
  )
  before = oracle.sums(
    queries,
    lambda index: prompt[0][prompts[index[0]], 0, index[2]],
    lambda index: prompt[1][prompts[index[0]], 0, index[2]],
    lambda index: stops[index[0]],
  )
  oracle.check(sums, mixed + before[0], totals + before[1])


def test_storage_is_changed_in_place_within_a_loop():
  # A copy of it would cost more than the attention: XLA must not make one.
  queries, new, stored, rows, lengths = draw(2, 1, 64, 512)

  @functools.partial(jax.jit, donate_argnums=0)
  def loop(stored):
    def turn(number, carried):
      stored, total = carried
      sums, stored = own_attention.append_and_attend(
        queries, new, stored, rows, lengths + number, nothing(queries)
      )
      return stored, total + sums[2].sum()

    return jax.lax.fori_loop(0, 5, turn, (stored, jnp.float32(0)))

  compiled = loop.lower(stored).compile()
  copies = [
    line
    for line in compiled.as_text().splitlines()
    if " copy(" in line and "f32[3,4,2," in line.split(" copy(")[0]
  ]
  assert not copies
  size = sum(array.nbytes for array in stored)
  assert compiled.memory_analysis().temp_size_in_bytes < size


def test_a_row_alone_has_the_bits_of_rows_together():
  queries, new, stored, rows, lengths = draw(3, 2, 32, 64)
  together, _ = run(queries, new, stored, rows, lengths, nothing(queries))
  one = (slice(1, 2), slice(2, 3))
  part = queries[one]
  alone, _ = run(
    part, tuple(array[one] for array in new), stored, rows[one], lengths[one],
    nothing(part),
  )  # fmt: skip
  for some, every in zip(alone, together, strict=True):
    np.testing.assert_array_equal(some, every[one])


def test_what_lies_behind_is_not_read():
  queries, new, stored, rows, lengths = draw(4, 1, 32, 64)
  lengths[:] = 20
  first, _ = run(queries, new, stored, rows, lengths, nothing(queries))
  stored[0][..., 21:], stored[1][..., 21:, :] = 1e20, -1e20
  second, _ = run(queries, new, stored, rows, lengths, nothing(queries))
  jax.tree.map(np.testing.assert_array_equal, first, second)
