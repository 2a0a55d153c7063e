"""Attention to stored rows by machine code, against one written in NumPy."""

import dataclasses
import functools
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from llvmlite import binding

from inference_scaling.models.kernels.cpu import cached_attention

attend = jax.jit(cached_attention.attend)
rng = np.random.default_rng(0)
P, N, K, Q = 3, 6, 2, 3
# Rows two, three and seven at a time; heads in one go, in several, and of more
# than the registers hold; one prompt is as long as its buffer, one is empty.
SHAPES = [
  (2, 7, 1, 64, 96, 128),
  (4, 3, 1, 64, 64, 16),
  (6, 1, 3, 64, 16, 288),
  (2, 5, 2, 128, 288, 32),
  (3, 2, 9, 32, 160, 48),
]


@dataclasses.dataclass
class Given:
  """The arguments, in their order."""

  queries: Any
  new: tuple[Any, Any]
  stored: tuple[Any, Any]
  rows: Any
  lengths: Any
  prompts: tuple[Any, Any]
  slots: Any
  prompt_lengths: Any

  def __call__(self):
    given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
    return attend(**given)


def draw(R, G, T, H, S, prompt, loud=1.0):
  def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)

  rows = rng.permutation(P * N)[: Q * R].reshape(Q, R).astype(np.int32)
  lengths = rng.integers(0, S - T + 1, (Q, R)).astype(np.int32)
  # One begins, one comes to the end, one passes it, one has passed it.
  lengths.flat[:4] = 0, S - T, S - T + 1, S
  return Given(
    np.float32(loud / np.sqrt(H)) * normal(Q, R, K, T, G, H),
    (normal(Q, R, K, H, T), normal(Q, R, K, T, H)),
    (normal(P, N, K, H, S), normal(P, N, K, S, H)),
    rows,
    lengths,
    (normal(P, 1, K, H, prompt), normal(P, 1, K, prompt, H)),
    np.asarray([2, 0, 2], np.int32),  # two problems have the same prompt
    np.asarray([prompt, 0, prompt // 2 + 1], np.int32),
  )


def longer(given):
  """The storage behind the new tokens, number by number."""
  keys, values = (array.copy() for array in given.stored)
  for q, r, t in np.ndindex(Q, given.rows.shape[1], given.queries.shape[3]):
    p, n = divmod(int(given.rows[q, r]), N)
    entry = given.lengths[q, r] + t
    if entry < values.shape[3]:
      keys[p, n, :, :, entry] = given.new[0][q, r, :, :, t]
      values[p, n, :, entry] = given.new[1][q, r, :, t]
  return keys, values


def oracle(given):
  """What queries see, by the softmax of all entries in float64."""
  stored_keys, stored_values = (
    array.reshape(P * N, *array.shape[2:]) for array in longer(given)
  )
  mixed = np.zeros(given.queries.shape)
  logs = np.zeros(given.queries.shape[:-1])
  for index in np.ndindex(*logs.shape):
    q, r, k, t, _ = index
    row, slot = given.rows[q, r], given.slots[q]
    own = slice(0, given.lengths[q, r] + t + 1)  # or all of the row
    seen = slice(0, given.prompt_lengths[q])
    keys = np.concatenate(
      [given.prompts[0][slot, 0, k][:, seen], stored_keys[row, k][:, own]], 1
    )
    values = np.concatenate(
      [given.prompts[1][slot, 0, k][seen], stored_values[row, k][own]]
    )
    scores = given.queries[index].astype(float) @ keys
    weights = np.exp(scores - scores.max())
    mixed[index] = weights @ values / weights.sum()
    logs[index] = scores.max() + np.log(weights.sum())
  return mixed, logs


def check(given):
  (sums, peaks, totals), kept = given()
  jax.tree.map(np.testing.assert_array_equal, kept, longer(given))
  mixed, logs = oracle(given)
  found = np.asarray(sums / totals[..., None])
  np.testing.assert_allclose(found, mixed, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(
    np.asarray(peaks + jnp.log(totals)), logs, rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_grow_and_attention_is_that_of_a_softmax(shape):
  check(draw(*shape, loud=4.0))


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
  asked = []
  monkeypatch.setattr(
    binding, "get_host_cpu_features", lambda: asked.append(0) or without
  )
  monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "haswell")
  check(draw(4, 4, 2, 48, 96, 32))
  # Heads that nobody else has, so that the function was made here.
  assert asked


def test_storage_is_changed_in_place_within_a_loop():
  # A copy of it would cost more than the attention: XLA must not make one.
  given = draw(2, 2, 1, 64, 512, 16)

  @functools.partial(jax.jit, donate_argnums=0)
  def loop(stored):
    def turn(number, carried):
      stored, total = carried
      sums, stored = cached_attention.attend(
        given.queries, given.new, stored, given.rows, given.lengths + number,
        given.prompts, given.slots, given.prompt_lengths,
      )  # fmt: skip
      return stored, total + sums[2].sum()

    return jax.lax.fori_loop(0, 5, turn, (stored, jnp.float32(0)))

  compiled = loop.lower(given.stored).compile()
  assert f"f32[{P},{N},{K},64,512]" in compiled.as_text()
  copies = [
    line
    for line in compiled.as_text().splitlines()
    if " copy(" in line and f"f32[{P},{N}," in line.split(" copy(")[0]
  ]
  assert not copies
  size = sum(array.nbytes for array in given.stored)
  assert compiled.memory_analysis().temp_size_in_bytes < size


def test_rows_alone_have_the_bits_of_rows_together():
  given = draw(4, 3, 2, 64, 64, 48)
  together, _ = given()
  for q, r in np.ndindex(Q, 4):
    one = (slice(q, q + 1), slice(r, r + 1))
    alone, _ = dataclasses.replace(
      given,
      queries=given.queries[one],
      new=tuple(array[one] for array in given.new),
      rows=given.rows[one],
      lengths=given.lengths[one],
      slots=given.slots[q : q + 1],
      prompt_lengths=given.prompt_lengths[q : q + 1],
    )()
    for single, every in zip(alone, together, strict=True):
      np.testing.assert_array_equal(single, every[one])


def test_scores_far_apart_do_not_overflow():
  given = draw(2, 3, 1, 16, 160, 160)
  given.lengths[:], given.prompt_lengths[:] = 159, 160
  given.prompts[0][..., 150] *= 1000  # the highest comes in its last chunk
  given.stored[0][..., 140] *= 3000  # and a higher one in that of the rows
  (sums, _, totals), _ = given()
  assert np.isfinite(sums).all() and np.isfinite(totals).all()
  check(given)


def test_what_lies_behind_is_not_read():
  given = draw(2, 4, 1, 32, 64, 48)
  given.lengths[:], given.prompt_lengths[:] = 20, 21
  first, _ = given()
  for keys, values in (given.stored, given.prompts):
    keys[..., 21:], values[..., 21:, :] = 1e20, -1e20
  second, _ = given()
  jax.tree.map(np.testing.assert_array_equal, first, second)


@pytest.mark.parametrize("what", ["queries", "new", "stored", "prompts"])
def test_what_is_no_number_is_not_hidden(what):
  # A search must end with an error where weights are broken.
  given = draw(2, 3, 1, 32, 64, 48)
  given.prompt_lengths[:] = 48
  given.lengths[:] = 20
  array = getattr(given, what)
  (array if what == "queries" else array[0])[:] = np.nan
  (sums, _, totals), _ = given()
  assert np.isnan(sums / totals[..., None]).all()
  given = draw(2, 3, 1, 32, 64, 48)
  given.stored[1][:] = np.inf  # values, of finite weights
  (sums, _, totals), _ = given()
  grown = given.lengths > 0
  assert not np.isfinite(sums / totals[..., None])[grown].any()


def test_threads_that_ask_at_once_get_one_function():
  # XLA takes a name once.
  with futures.ThreadPoolExecutor(4) as pool:
    made = list(
      pool.map(lambda _: cached_attention._register(1, 3, 48), range(4))
    )
  assert all(engine is made[0] for engine in made)
