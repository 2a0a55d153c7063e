"""When lanes stop, against a simulation in plain Python."""

import types

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import scheduling, statistics
from inference_scaling.search import rebase, sampling
from tests.decoding import tiny
from tests.decoding.batching import engine_test


def _lengths(tree):
  """Tokens of each beam's step, depth by depth."""
  depths = tree.active.any(axis=1).sum()
  return [[int(k) for k in row] for row in tree.num_tokens[:depths]]


def simulate(problems, num_lanes, most):
  """Goes through searches token by token.

  Args:
    problems: for each, by id, the lengths of its steps.
    num_lanes: P.
    most: tokens that are written from stop to stop.

  Returns:
    Ids as they end, rows computed, tokens drawn and stops.
  """
  waiting = list(problems)
  lanes = [None] * num_lanes
  ended, iterations, tokens, stops = [], 0, 0, 0
  while True:
    for number, lane in enumerate(lanes):
      if lane is None and waiting:
        lanes[number] = types.SimpleNamespace(id=waiting.pop(0), depth=0)
        lanes[number].left = max(problems[lanes[number].id][0])
    there = [lane for lane in lanes if lane]
    if not there:
      break
    for _ in range(most):
      if sum(lane.left == 0 for lane in there) >= len(there) / 4:
        break
      iterations += 1
      for lane in there:
        lane.left = max(lane.left - 1, 0)
    stops += 1
    for number, lane in enumerate(lanes):
      if lane is None or lane.left:
        continue
      steps = problems[lane.id]
      tokens += sum(steps[lane.depth])
      lane.depth += 1
      if lane.depth < len(steps):
        lane.left = max(steps[lane.depth])
      else:
        ended.append(lane.id)
        lanes[number] = None
  rows = iterations * num_lanes * tiny.NUM_BEAMS
  return ended, rows, tokens, stops


@pytest.mark.parametrize("order", [tuple(range(7)), (3, 0, 6, 1, 5, 2, 4)])
def test_lanes_stop_as_simulated(order):
  stats = statistics.LaneStats()
  found = engine_test.run(order, engine_test.LANES, stats=stats)
  problems = {i: _lengths(found[i].tree) for i in order}
  most = sizes_lib.most_written(tiny.LIMITS)
  ended, rows, tokens, stops = simulate(problems, engine_test.LANES, most)
  assert list(found) == ended
  assert (stats.row_steps, stats.tokens) == (rows, tokens)
  assert sum(stats.calls.values()) == stops
  assert stats.useful == tokens / rows
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


def test_groups_divide_the_lanes():
  rules, mesh = sampling().rules, models.make_mesh(2, 4)
  sizes = [scheduling.group_size(P, rules, None) for P in (1, 4, 8, 16, 36, 64)]
  assert sizes == [1, 1, 1, 2, 4, 8]
  assert scheduling.group_size(16, rules, mesh) is None
  assert scheduling.group_size(16, rules, models.make_mesh(1, 8)) == 2
  ahead = rules._replace(lookahead=1)
  assert scheduling.group_size(16, ahead, None) is None
  assert scheduling.in_step(ahead, None) and scheduling.in_step(rules, mesh)


def test_without_a_problem_nothing_is_wasted():
  stats = statistics.LaneStats()
  found = decoding.run_lanes(
    tiny.policy(), tiny.reward(), rebase(), tiny.policy_params(),
    tiny.reward_model().params, [], 0, 2, 3, stats=stats,
  )  # fmt: skip
  assert not list(found) and stats == statistics.LaneStats()
  assert stats.useful == 1
