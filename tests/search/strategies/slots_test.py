"""Where children go: every child is placed, and few beams move."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from inference_scaling import search
from inference_scaling.search.strategies import slots

N = 7
_place = jax.jit(search.children_to_parents)
RUNNING, FINISHED = search.RUNNING, search.FINISHED
DROPPED, TRUNCATED = search.DROPPED, search.TRUNCATED


@pytest.mark.parametrize(
  ("widths", "free", "expected"),
  [
    # Slot 2 is held by an ended beam.
    ([0, 3, 0, 0, 2, 1, 0], [1, 1, 0, 1, 1, 1, 1], [1, 1, 2, 1, 4, 5, 4]),
    # Everything is resampled, the ended beam of slot 2 twice.
    ([0, 3, 2, 0, 0, 2, 0], [1] * 7, [1, 1, 2, 1, 2, 5, 5]),
    # One child is too few to fill the slots: the last ones stay as they are.
    ([0, 2, 0, 0, 1, 0, 0], [1] * 7, [1, 1, 2, 3, 4, 5, 6]),
    # One child is too many: it is not placed.
    ([4, 0, 0, 2, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 3, 4, 5, 6]),
    ([0] * 7, [1] * 7, [0, 1, 2, 3, 4, 5, 6]),
    ([1] * 7, [1] * 7, [0, 1, 2, 3, 4, 5, 6]),
    ([0, 0, 0, 0, 0, 0, 7], [1] * 7, [6] * 7),
  ],
)
def test_worked_examples(widths, free, expected):
  parents = _place(jnp.array(widths), jnp.array(free, bool))
  assert parents.tolist() == expected
  assert parents.dtype == jnp.int32


@st.composite
def _placements(draw):
  """Widths of beams in free slots, at most as many as there are."""
  free = draw(st.lists(st.booleans(), min_size=N, max_size=N))
  left, widths = sum(free), [0] * N
  for slot in draw(st.permutations(range(N))):
    widths[slot] = draw(st.integers(0, left)) if free[slot] else 0
    left -= widths[slot]
  return np.array(widths, np.int32), np.array(free)


@hypothesis.settings(deadline=None, derandomize=True, database=None)
@hypothesis.given(_placements())
def test_every_child_is_placed_and_as_few_beams_move_as_can_be(placement):
  widths, free = placement
  parents = np.asarray(_place(widths, free))
  children = widths[parents] > 0
  counts = np.bincount(parents[children], minlength=N)
  assert counts.tolist() == widths.tolist()
  assert (parents[~children] == np.flatnonzero(~children)).all()
  assert free[children].all()
  moved = parents != np.arange(N)
  assert moved.sum() == np.maximum(widths - 1, 0).sum()
  # Both in ascending order.
  assert (np.diff(parents[moved]) >= 0).all()


def test_which_beams_may_go_on_and_which_slots_are_free():
  status = jnp.array([RUNNING, RUNNING, FINISHED, TRUNCATED, DROPPED, DROPPED])
  active = jnp.array([True, False, True, False, True, False])
  beams = search.Beams(jnp.zeros(6), status, active, jnp.ones(6, jnp.int32))
  assert slots.expandable(beams).tolist() == [True] + [False] * 5
  assert slots.free(beams).tolist() == [True, True, False, False, True, True]
