"""Inference scaling laws with the embedded models, with error bars.

  python launch/sweep.py --config=configs/scaling_laws.py

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724
(Figures 1 and 4-12, Table 4).

Three policies over 300 problems of the synthetic benchmark's test split, with 3
seeds: greedy decoding, up to 64 samples, REBASE with up to 64 beams; as in the
paper, the largest policy gets fewer, for the same budget. Sampling is drawn
once, at its largest n: the report estimates every smaller n from subsets.

Expect about 75 minutes of one core, and what configs/results/scaling_laws/
holds: weighted votes of the middle policy have accuracy 91.5% with 16 samples,
93.9% with REBASE and 16 beams.
"""

import ml_collections

from configs import common

POLICIES = ("small", "middle", "large")
SEEDS = {"seeds": (0, 1, 2)}
MIDDLE = {"policies": ("middle",)}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  few, large = {"policies": ("small", "middle")}, {"policies": ("large",)}
  runs = {
    "greedy": {"strategy": "greedy"},
    "sampling": {"strategy": "sampling", "n": (64,), **few, **SEEDS},
    "rebase": {"strategy": "rebase", "n": (4, 16), **SEEDS},
    "rebase_wide": {"strategy": "rebase", "n": (64,), **MIDDLE, **SEEDS},
    # 16 beams of the largest policy cost what 56 of the middle one cost.
    "sampling_large": {"strategy": "sampling", "n": (16,), **large, **SEEDS},
  }
  config: common.Config = common.embedded_sweep(
    POLICIES, 300, runs, batch_size=512
  )
  if local:
    common.shrink(config)
    config.runs.rebase.n = (2,)
  return config
