"""When slots stop, against a simulation in plain Python."""

import types

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import scheduling, statistics
from inference_scaling.models.layers import hardware
from inference_scaling.search import rebase, sampling
from tests.decoding import tiny
from tests.decoding.batching import engine_test


def _lengths(tree):
  """Tokens of each beam's step, depth by depth."""
  depths = tree.active.any(axis=1).sum()
  return [[int(k) for k in row] for row in tree.num_tokens[:depths]]


def simulate(problems, num_slots, most):
  """Goes through searches token by token.

  Args:
    problems: for each, by id, the lengths of its steps.
    num_slots: P.
    most: tokens that are written from stop to stop.

  Returns:
    Ids as they end, rows computed, tokens drawn and stops.
  """
  waiting = list(problems)
  slots = [None] * num_slots
  ended, iterations, tokens, stops = [], 0, 0, 0
  while True:
    for number, slot in enumerate(slots):
      if slot is None and waiting:
        slots[number] = types.SimpleNamespace(id=waiting.pop(0), depth=0)
        slots[number].left = max(problems[slots[number].id][0])
    there = [slot for slot in slots if slot]
    if not there:
      break
    for _ in range(most):
      if sum(slot.left == 0 for slot in there) >= len(there) / 4:
        break
      iterations += 1
      for slot in there:
        slot.left = max(slot.left - 1, 0)
    stops += 1
    for number, slot in enumerate(slots):
      if slot is None or slot.left:
        continue
      steps = problems[slot.id]
      tokens += sum(steps[slot.depth])
      slot.depth += 1
      if slot.depth < len(steps):
        slot.left = max(steps[slot.depth])
      else:
        ended.append(slot.id)
        slots[number] = None
  rows = iterations * num_slots * tiny.NUM_BEAMS
  return ended, rows, tokens, stops


@pytest.mark.parametrize("order", [tuple(range(7)), (3, 0, 6, 1, 5, 2, 4)])
def test_slots_stop_as_simulated(order):
  stats = statistics.BatchStats()
  found = engine_test.run(order, engine_test.LANES, stats=stats)
  problems = {i: _lengths(found[i].tree) for i in order}
  most = sizes_lib.most_written(tiny.LIMITS)
  ended, rows, tokens, stops = simulate(problems, engine_test.LANES, most)
  assert list(found) == ended
  assert (stats.row_steps, stats.tokens) == (rows, tokens)
  assert sum(stats.calls.values()) == stops
  assert stats.utilisation == tokens / rows
  # Neither all together nor each by itself.
  depths = sum(map(len, problems.values()))
  assert max(map(len, problems.values())) < stops < depths


def test_a_quarter_is_enough():
  active = jnp.array([[1, 1], [1, 0], [0, 1], [1, 1], [1, 1], [0, 0]], bool)
  live = active.at[0].set(False)  # one of five
  np.testing.assert_array_equal(
    scheduling.is_ready(active, live), [True] + 5 * [False]
  )
  assert not scheduling.is_enough(active, live)
  half = live.at[1, 0].set(False).at[3, 0].set(False)  # problem 3 still writes
  assert scheduling.is_enough(active, half)
  assert not scheduling.is_enough(active, half, together=True)
  assert scheduling.is_enough(active, active & False, together=True)


def test_groups_divide_the_slots():
  static_part, mesh = sampling().static_part, models.make_mesh(2, 4)
  whole, cpu = models.make_mesh(1, 8), hardware.Hardware("cpu", 8)
  sizes = [
    scheduling.group_size(P, static_part, None, cpu)
    for P in (1, 4, 8, 16, 36, 64)
  ]
  assert sizes == [1, 1, 1, 2, 4, 8]
  assert scheduling.group_size(16, static_part, mesh, cpu) is None
  assert scheduling.group_size(16, static_part, whole, cpu) == 2
  ahead = static_part._replace(lookahead=1)
  assert scheduling.group_size(16, ahead, None, cpu) is None
  for platform in ("gpu", "tpu"):
    accelerator = hardware.Hardware(platform, 8)
    assert scheduling.group_size(64, static_part, whole, accelerator) == 1
    assert scheduling.group_size(64, static_part, mesh, accelerator) is None
  assert scheduling.in_step(ahead, None) and scheduling.in_step(
    static_part, mesh
  )


def test_without_a_problem_nothing_is_wasted():
  stats = statistics.BatchStats()
  found = decoding.continuous_batching(
    tiny.policy(), tiny.reward(), rebase(), tiny.policy_params(),
    tiny.reward_model().params, [], 0, 2, 3, stats=stats,
  )  # fmt: skip
  assert not list(found) and stats == statistics.BatchStats()
  assert stats.utilisation == 1
