"""Counts of tokens and of positions attended to, against plain counts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import compute
from tests.models import tiny


def _attended(config, position):
  """Counts the positions that one token attends to, by layer."""
  for layer in range(config.num_layers):
    window = config.window(layer)
    yield position + 1 if window is None else min(position + 1, window)


@pytest.mark.parametrize("window", [None, 1, 4, 50])
@pytest.mark.parametrize(
  ("first_window_layer", "window_pattern"),
  [(0, None), (1, None), (3, None), (0, 2), (0, 3), (1, 3)],
)
def test_attended_keeps_to_the_window(
  window, first_window_layer, window_pattern
):
  config = dataclasses.replace(
    tiny.WIDE_HEADS, num_layers=3, sliding_window=window,
    first_window_layer=first_window_layer, window_pattern=window_pattern,
  )  # fmt: skip
  for model in (config, compute.policy_cost(config)):
    for first, count in ((0, 9), (2, 1), (3, 3), (7, 4), (5, 0)):
      positions = range(first, first + count)
      expected = sum(sum(_attended(config, p)) for p in positions) // 3
      assert compute.attended(model, first, count) == expected
  rows = compute.attended(config, jnp.array([0, 6]), jnp.array([2, 3]))
  each = [compute.attended(config, *pair) for pair in ((0, 2), (6, 3))]
  np.testing.assert_array_equal(rows, each)


def test_attended_does_not_overflow():
  config = dataclasses.replace(
    tiny.WIDE_HEADS, num_layers=80, sliding_window=4096, first_window_layer=70
  )
  n, w = 32_768, 4096
  everything, limited = n * (n + 1) // 2, w * (w + 1) // 2 + (n - w) * w
  expected = (70 * everything + 10 * limited) // 80
  assert compute.attended(config, 0, jnp.int32(n)) == expected


@pytest.mark.parametrize("beams", [1, 3, 256])
def test_attended_is_exact_beyond_int32(beams):
  """Against whole numbers of any size, call by call."""
  random = np.random.default_rng(beams)
  top = 2**31 - 1
  prompts = np.array([0, 2**30 - 1, top], np.int32)
  counts = compute.prompt_counts(jnp.array([0, 7, 9]), jnp.array(prompts))
  attended, decode = [int(n) for n in prompts], np.zeros(3, int)
  add = jax.jit(compute.Counts.add)
  for _ in range(4):
    tokens = random.integers(0, 4096, (3, beams), np.int32)
    seen = random.integers(0, top, (3, beams), np.int32)
    seen[2] = top
    counts = add(counts, jnp.array(tokens), jnp.array(seen))
    attended = [
      a + sum(map(int, s)) for a, s in zip(attended, seen, strict=True)
    ]
    decode += tokens.sum(axis=1)
  for p in range(3):
    one = jax.tree.map(lambda leaf, p=p: leaf[p], counts)
    assert one.total_attended == attended[p]
    assert (one.decode, one.prefill) == (decode[p], (0, 7, 9)[p])
  assert attended[2] > 2**32
  policy = compute.policy_cost(tiny.WIDE_HEADS)
  nothing = compute.Counts(0, 0, 0)
  plain = compute.Counts(9, int(decode[2]), attended[2])
  full = compute.flops(policy, policy, one, nothing, "full")
  assert full == compute.flops(policy, policy, plain, nothing, "full") > 0


def test_counts_of_two_models_add_up():
  one = compute.prompt_counts(jnp.array([3, 5]), jnp.array([2**30 - 1, 7]))
  other = compute.prompt_counts(jnp.array([4, 6]), jnp.array([2**30 - 1, 8]))
  both = compute.add_counts(one, other.add(*2 * (jnp.ones((2, 1), jnp.int32),)))
  first, second = (jax.tree.map(lambda x, p=p: x[p], both) for p in (0, 1))
  assert (first.prefill, second.prefill) == (7, 11)
  assert (first.decode, first.total_attended) == (1, 2**31 - 1)
  assert second.total_attended == 16


def test_counts_are_a_pytree():
  counts = compute.Counts(*(jnp.arange(2) + n for n in range(4)))
  first = jax.tree.map(lambda x: x[0], counts)
  assert [first.prefill, first.decode, first.attended] == [0, 1, 2]
  assert first.replace(decode=9).decode == 9
