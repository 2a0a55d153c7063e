"""Every strategy at matched compute, on the embedded models.

  python launch/sweep.py --config=configs/strategies.py
  python launch/sweep.py --config=configs/strategies.py:likelihood
  python launch/sweep.py --config=configs/strategies.py:drawn

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724
(Figures 4-7 and 9-12, with MCTS as in Appendix B), and the strategies of its
rivals: beam search and DVTS with and without look-ahead, particle filtering,
the rules of REBASE's widths. With ":likelihood" or ":self_certainty" no reward
model is used: the policy's own probabilities take its place. ":drawn" has what
came later, beside sampling, REBASE and particle filtering: strategies that draw
what goes on, particle Gibbs and AB-MCTS.

The small and the middle policy over 240 problems of the synthetic benchmark's
test split (with ":drawn" the latter alone, over 120). What a strategy spends
depends on the problem, so that no two have points at the same FLOPs: the report
compares them at equal FLOPs by interpolation along their curves, in all three
conventions.

It took 39 minutes for the small and 64 for the middle policy, side by side on
two busy cores. Expect what configs/results/strategies/ holds: at equal FLOPs
REBASE with weighted voting is 7.2 points ahead of sampling for the small
policy, 2.0 for the middle one; MCTS is not ahead. Without the reward model
expect a quarter of an hour. ":drawn" took 19 minutes. Expect what
configs/results/drawn_strategies/ holds: with weighted voting particle filters
2 points ahead of sampling, particle Gibbs level with it, and AB-MCTS 53 behind:
it stays wide and leaves three quarters of its paths unfinished.
"""

from typing import Any

import ml_collections

from configs import common

POLICIES = ("small", "middle")
MIDDLE = {"policies": ("middle",)}
SIZES = (4, 16, 64)
SCORES = ("likelihood", "self_certainty")
DRAWN = "drawn"
COUNT, DRAWN_COUNT = 240, 120


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config of the reward model or of another source of scores.

  Args:
    arg: nothing, "likelihood", "self_certainty" or "drawn"; "runlocal", or
      ",runlocal" behind one of these, shrinks it to a check that everything
      runs.

  Returns:
    The config.
  """
  choice, local = common.split_argument(arg, ("", *SCORES, DRAWN))
  runs = {**main_runs(), **rewarded_runs()}
  if choice:
    runs = drawn_runs() if choice == DRAWN else main_runs()
  reward = {"format": choice} if choice in SCORES else None
  policies, count = POLICIES, COUNT
  if choice == DRAWN:
    policies, count = MIDDLE["policies"], DRAWN_COUNT
  config = common.embedded_sweep(policies, count, runs, 512, reward)
  return common.shrink(config) if local else config


def main_runs() -> dict[str, dict[str, Any]]:
  """What needs no reward model."""
  return {
    "greedy": {"strategy": "greedy"},
    "sampling": {"strategy": "sampling", "n": (64,)},
    "rebase": {"strategy": "rebase", "n": SIZES},
    "beam_search": {"strategy": "beam_search", "n": SIZES},
  }


def rewarded_runs() -> dict[str, dict[str, Any]]:
  """The other strategies in all sizes, variants in one.

  MCTS is the paper's: C = 1; 4, 8 or 16 children of the root, 2 elsewhere; n is
  the number of expansions.
  """
  runs = {
    "dvts": {"strategy": "dvts", "n": SIZES},
    "particle_filter": {"strategy": "particle_filter", "n": SIZES},
    "mcts": {"strategy": "mcts", "n": (32, 64, 128)},
  }
  for strategy, sizes, hyperparameters in (
    ("rebase/round", (16,), {"rule": "round"}),
    ("rebase/exact", (16,), {"rule": "exact"}),
    ("rebase/stochastic", (16,), {"rule": "stochastic"}),
    ("rebase/distinct", (16,), {"duplicates": "drop"}),
    ("rebase/merged", (16,), {"duplicates": "merge"}),
    ("beam_search/distinct", (16,), {"duplicates": "drop"}),
    ("beam_search/lookahead", (4, 16), {"lookahead": 1}),
    ("dvts/lookahead", (4, 16), {"lookahead": 1}),
    ("particle_filter/multinomial", (16,), {"resampling": "multinomial"}),
    ("mcts/root8", (32,), {"root_children": 8}),
    ("mcts/root16", (32,), {"root_children": 16}),
  ):
    block = {"strategy": strategy, "n": sizes, **hyperparameters, **MIDDLE}
    runs[strategy.replace("/", "_")] = block
  return runs


def drawn_runs() -> dict[str, dict[str, Any]]:
  """Strategies that draw what goes on, and what they are measured against.

  n is the particles of each of two filters for particle Gibbs, and the steps
  that are made for AB-MCTS: about 5 make a solution.
  """
  runs = {
    name: {"strategy": name, "n": sizes}
    for name, sizes in (
      ("sampling", (64,)), ("rebase", SIZES), ("particle_filter", SIZES),
      ("particle_gibbs", (2, 8, 32)), ("ab_mcts", (16, 64, 256)),
    )
  }  # fmt: skip
  for strategy, sizes, hyperparameters in (
    ("particle_filter/entropic", SIZES, {"temperature_rule": "entropic"}),
    ("particle_gibbs/entropic", (8,), {"temperature_rule": "entropic"}),
    ("ab_mcts/beta", (64,), {"posterior": "beta"}),
    ("ab_mcts/batch", (64,), {"batch": 8}),
  ):
    block = {"strategy": strategy, "n": sizes, **hyperparameters}
    runs[strategy.replace("/", "_")] = block
  return runs
