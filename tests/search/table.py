"""The table of all strategies: a row joins every test of properties_test.py."""

import dataclasses
from collections.abc import Callable

from inference_scaling import search
from tests.search import reference, runs


@dataclasses.dataclass(frozen=True)
class Row:
  """One strategy, or one variant that makes a program of its own.

  Attributes:
    make: the Strategy for one number, whatever that means to it.
    reference: the `select` in plain Python for that number; None without one.
    fills: whether all of the budget is spent while any beam can go on.
    moves_ended: whether ended beams may be copied or lost.
    beams: N.
  """

  make: Callable[[float], search.Strategy]
  reference: Callable[[float], Callable] | None = None
  fills: bool = True
  moves_ended: bool = False
  beams: int = runs.NUM_BEAMS


def whole(number):
  """A number of children: 1, 2, 3, .. for 0 to 0.5, 0.5 to 1, .."""
  return 1 + int(2 * number)


def _rebase(rule, duplicates="keep"):
  return Row(
    lambda number: search.rebase(number, rule, duplicates),
    lambda number: reference.rebase(number, rule),
    fills=rule != "round",
  )


def _beam_search(**options):
  return Row(
    lambda number: search.beam_search(whole(number), **options),
    lambda number: reference.beam_search(whole(number)),
  )


def _dvts(subtree_beams, **options):
  # A subtree that is over lends its slots to no other.
  return Row(
    lambda number: search.dvts(whole(number), subtree_beams, **options),
    lambda number: reference.dvts(whole(number), subtree_beams),
    fills=options.get("duplicates", "keep") == "keep",
  )


def _particle_filter(
  resampling="systematic", terminal="resample", duplicates="keep", steps=None
):
  return Row(
    lambda number: search.particle_filter(
      resampling, number, terminal, duplicates, steps
    ),
    lambda number: reference.particle_filter(
      resampling, number, terminal, steps
    ),
    moves_ended=terminal == "resample",
  )


def _particle_gibbs():
  return Row(
    lambda number: search.particle_gibbs(2, 2, 2, number),
    fills=False,
    moves_ended=True,
    beams=search.particle_gibbs_shape(2, 2, 2)[0],
  )


def _mcts(duplicates="keep"):
  # Three expansions: the root's and two more. Most slots wait for their turn.
  return Row(
    lambda number: search.mcts(2, 2, number, duplicates=duplicates),
    fills=False,
  )


def _ab_mcts():
  # Two nodes a round, or the rounds would not do for all of them.
  return Row(
    lambda number: search.ab_mcts("normal", number / 3, number, batch=2),
    fills=False,
  )


STRATEGIES = {
  "sampling": Row(
    lambda number: search.sampling(), lambda number: reference.sampling
  ),
  # Here no one reads answers: the samples up to the first look are all.
  "adaptive_sampling": Row(
    lambda number: search.adaptive_sampling("doubling", whole(number)),
    fills=False,
  ),
  "deepconf": Row(
    lambda number: search.deepconf(2, 10 + int(30 * number)), fills=False
  ),
  "reward_threshold": Row(
    lambda number: search.reward_threshold(number, 2), fills=False
  ),
  "rebase": _rebase("ceil"),
  "rebase/round": _rebase("round"),
  "rebase/exact": _rebase("exact"),
  "rebase/stochastic": _rebase("stochastic"),
  "rebase/drop": _rebase("ceil", "drop"),
  "rebase/merge": _rebase("ceil", "merge"),
  "beam_search": _beam_search(),
  "beam_search/lookahead/merge": _beam_search(lookahead=2, duplicates="merge"),
  "dvts": _dvts(4),
  "dvts/drop": _dvts(2, duplicates="drop"),
  "dvts/lookahead": _dvts(3, lookahead=1),
  "particle_filter": _particle_filter(),
  "particle_filter/multinomial/merge": _particle_filter(
    "multinomial", duplicates="merge"
  ),
  "particle_filter/keep": _particle_filter(terminal="keep"),
  "particle_filter/drop": _particle_filter(duplicates="drop"),
  "particle_filter/entropic": _particle_filter(steps=9),
  "particle_gibbs": _particle_gibbs(),
  "mcts": _mcts(),
  "mcts/drop": _mcts("drop"),
  "mcts/merge": _mcts("merge"),
  "ab_mcts": _ab_mcts(),
}
