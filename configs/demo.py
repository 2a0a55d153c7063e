"""Inference scaling laws in a few minutes, with the embedded models.

  python launch/sweep.py --config=configs/demo.py

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724
(Figures 1 and 4-8, in small).

Three policies, greedy decoding, 16 samples and REBASE with 4 and 16 beams over
102 problems of the synthetic benchmark's test split. Sampling is drawn once, at
its largest n: the report estimates every smaller n from subsets.

Expect three minutes on two cores, compilation included, and an accuracy of the
middle policy's weighted votes of 90% with 16 samples, 96% with REBASE.
"""

import ml_collections

from configs import common

POLICIES = ("small", "middle", "large")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  runs = {
    "greedy": {"strategy": "greedy"},
    "sampling": {"strategy": "sampling", "n": (16,)},
    "rebase": {"strategy": "rebase", "n": (4, 16)},
  }
  config = common.embedded_sweep(POLICIES, 102, runs, batch_size=256)
  return common.shrink(config) if local else config
