"""Every strategy at matched compute, on the embedded models.

  python launch/sweep.py --config=configs/strategies.py
  python launch/sweep.py --config=configs/strategies.py:likelihood

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724
(Figures 4-7 and 9-12, with MCTS as in Appendix B), and the strategies of its
rivals: beam search and DVTS with and without look-ahead, particle filtering,
the rules of REBASE's widths. With ":likelihood" or ":self_certainty" no reward
model is used: the policy's own probabilities take its place.

The small and the middle policy over problems of the synthetic benchmark's test
split. What a strategy spends depends on the problem, so that no two have points
at the same FLOPs: the report compares them at equal FLOPs by interpolation
along their curves, in all three conventions.

It took 39 minutes for the small and 64 for the middle policy, side by side on
two busy cores. Expect what configs/results/strategies/ holds: at equal FLOPs
REBASE with weighted voting is 7.2 points ahead of sampling for the small
policy, 2.0 for the middle one; MCTS is not ahead. Without the reward model
expect a quarter of an hour.
"""

from typing import Any

import ml_collections

from configs import common

POLICIES = ("small", "middle")
MIDDLE = {"policies": ("middle",)}
SIZES = (4, 16, 64)
SCORES = ("likelihood", "self_certainty")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config of the reward model or of another source of scores.

  Args:
    arg: nothing, "likelihood" or "self_certainty"; "runlocal", or ",runlocal"
      behind one of these, shrinks it to a check that everything runs.

  Returns:
    The config.
  """
  scores, local = common.split_argument(arg, ("", *SCORES))
  runs = main_runs() if scores else {**main_runs(), **rewarded_runs()}
  reward = {"format": scores} if scores else None
  config = common.embedded_sweep(POLICIES, 240, runs, 512, reward)
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
