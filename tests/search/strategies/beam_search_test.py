"""Beam search and DVTS on one problem: who is kept and who has children."""

import math

import jax
import jax.numpy as jnp
import pytest

from inference_scaling import search

KEY = jax.random.key(0)
R, F, T, D = (
  search.RUNNING, search.FINISHED, search.TRUNCATED, search.DROPPED
)  # fmt: skip
SCORES = [0.1, 0.9, 0.5, 0.5, 0.8, 0.3]


def _beams(scores, status=None, active=None):
  number = len(scores)
  return search.Beams(
    jnp.array(scores),
    jnp.array(status or [R] * number),
    jnp.array([True] * number if active is None else active),
    jnp.ones(number, jnp.int32),
  )


_SELECT = {
  make: jax.jit(make().select) for make in (search.beam_search, search.dvts)
}


def _parents(strategy, make, *beams):
  parents, active, _ = _SELECT[make](KEY, _beams(*beams), strategy.init(6))
  return parents.tolist(), active.tolist()


@pytest.mark.parametrize(
  ("children", "parents"),
  [
    (1, [0, 1, 2, 3, 4, 5]),  # all are kept
    (2, [1, 1, 2, 2, 4, 4]),  # three: 1, 4 and 2, which is before 3
    (3, [1, 1, 1, 4, 4, 4]),
    (4, [1, 1, 1, 4, 4, 4]),  # ceil(6 / 4) = 2
    (5, [1, 1, 1, 4, 4, 4]),
    (6, [1, 1, 1, 1, 1, 1]),
    (99, [1, 1, 1, 1, 1, 1]),
  ],
)
def test_the_best_beams_share_the_budget(children, parents):
  got = _parents(search.beam_search(children), search.beam_search, SCORES)
  assert got == (parents, [True] * 6)


def test_the_best_have_one_child_more_where_it_is_not_even():
  # Slot 5 is held: 5 children for the two best, 3 for slot 1 and 2 for slot 4.
  got = _parents(
    search.beam_search(3), search.beam_search, SCORES, [R, R, R, R, R, F]
  )
  assert got == ([1, 1, 1, 4, 4, 5], [True] * 5 + [False])


@pytest.mark.parametrize("ended", [F, T])
def test_ended_beams_hold_their_slots_and_are_not_ranked(ended):
  status = [R, ended, R, ended, R, R]
  got = _parents(search.beam_search(2), search.beam_search, SCORES, status)
  # Budget 4, two kept: slots 4 and 2.
  assert got == ([2, 1, 2, 3, 4, 4], [True, False, True, False, True, True])


def test_slots_of_dropped_and_of_given_up_beams_are_filled():
  status = [R, R, D, R, R, R]
  active = [True, True, True, True, False, True]  # 4 was given up before
  got = _parents(
    search.beam_search(3), search.beam_search, SCORES, status, active
  )
  # Budget 6, two kept: slots 1 and 3, for 2 is dropped and 4 was not extended.
  assert got == ([1, 1, 1, 3, 3, 3], [True] * 6)


def test_a_reward_that_is_not_a_number_is_the_worst():
  scores = [math.nan, -math.inf, 0.1, math.nan, 0.2, -3.0]
  got = _parents(search.beam_search(2), search.beam_search, scores)
  assert got == ([2, 4, 2, 5, 4, 5], [True] * 6)


def test_fewer_beams_than_would_be_kept_share_everything():
  got = _parents(
    search.beam_search(1), search.beam_search, SCORES, [R, D, D, D, R, F]
  )
  assert got == ([0, 0, 4, 4, 4, 5], [True] * 5 + [False])


@pytest.mark.parametrize(
  ("children", "subtree_beams", "parents"),
  [
    (2, None, [1, 1, 2, 2, 4, 4]),
    (3, None, [1, 1, 1, 4, 4, 4]),
    (4, None, [1, 1, 1, 1, 4, 4]),  # the last subtree has two slots
    (2, 4, [1, 1, 2, 2, 4, 4]),
    (1, 3, [0, 1, 2, 3, 4, 5]),
    (9, 1, [0, 1, 2, 3, 4, 5]),
    (9, 9, [1, 1, 1, 1, 1, 1]),
  ],
)
def test_every_subtree_keeps_its_best(children, subtree_beams, parents):
  strategy = search.dvts(children, subtree_beams)
  assert _parents(strategy, search.dvts, SCORES) == (parents, [True] * 6)


def test_a_subtree_lends_no_slots():
  # Of slots 0 to 2 one has finished and two were dropped: it is over.
  got = _parents(search.dvts(3), search.dvts, SCORES, [D, F, D, R, R, R])
  assert got == ([0, 1, 2, 4, 4, 4], [False] * 3 + [True] * 3)
  # A finished beam leaves the budget of its own subtree alone.
  got = _parents(search.dvts(3), search.dvts, SCORES, [R, F, R, R, R, R])
  assert got == ([2, 1, 2, 4, 4, 4], [True, False] + [True] * 4)


def test_equal_strategies_share_compiled_programs():
  assert search.beam_search(4) == search.beam_search(4)
  assert search.beam_search(4).static_part == search.beam_search(2).static_part
  assert search.dvts(4) == search.dvts(4, 4) != search.dvts(4, 2)
  assert search.dvts(4).static_part == search.dvts(2, 8).static_part
  assert search.dvts(4).static_part != search.dvts(4, lookahead=1).static_part


@pytest.mark.parametrize(
  ("make", "arguments", "message"),
  [
    (search.beam_search, (0,), r"beam_search: children is 0, .* at least 1"),
    (search.beam_search, (1.5,), r"children is 1.5, expected a whole number"),
    (search.beam_search, (2, -1), r"beam_search: lookahead is -1"),
    (search.beam_search, (2, 0.5), r"lookahead is 0.5, expected a whole"),
    (search.beam_search, (2, 0, "skip"), r"duplicates is 'skip'.*'merge'"),
    (search.dvts, (2, 0), r"dvts: subtree_beams is 0"),
    (search.dvts, (math.nan,), r"dvts: children is nan"),
    (search.dvts, (2, 2, None), r"dvts: lookahead is None"),
  ],
)
def test_wrong_arguments_are_named(make, arguments, message):
  with pytest.raises(ValueError, match=message):
    make(*arguments)
