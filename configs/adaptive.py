"""Adaptive sampling against fixed n and REBASE, on the embedded models.

  python launch/sweep.py --config=configs/adaptive.py

Li et al., "Escape Sky-high Cost: Early-stopping Self-Consistency for Multi-step
Reasoning", ICLR 2024, https://arxiv.org/abs/2401.10480; Aggarwal et al., "Let's
Sample Step by Step: Adaptive-Consistency for Efficient Reasoning and Coding
with LLMs", EMNLP 2023, https://arxiv.org/abs/2305.11860.

The small and the middle policy on 120 problems of the synthetic benchmark's
test split: 32 samples, which the report tries every rule on, over all orders,
and REBASE. The middle policy also runs three rules online: it draws what a rule
would have drawn of the 32 samples, in their order, and is charged for these.

It took 14 minutes of two cores that were busy with other work. Expect what
configs/results/adaptive_sampling/ holds: for the middle policy the accuracy of
all 32 samples' majority (84%) for half of their FLOPs, and 1 to 2 points more
than as many FLOPs of a fixed number of samples.
"""

import ml_collections

from configs import common

POLICIES = ("small", "middle")
MOST = 32
ONLINE = ("beta", "doubling")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  online = {"n": (MOST,), "policies": ("middle",)}
  runs = {
    "sampling": {"strategy": "sampling", "n": (MOST,)},
    "rebase": {"strategy": "rebase", "n": (2, 4, 16)},
    **{
      rule: {"strategy": f"adaptive_sampling/{rule}", "rule": rule, **online}
      for rule in ONLINE
    },
    "reward": {"strategy": "reward_threshold", "threshold": 0.9, **online},
  }
  config = common.embedded_sweep(POLICIES, 120, runs, batch_size=256)
  # Few of 32 samples draw at once: more problems share the batch.
  config.rows_per_problem = 4 if local else MOST
  return common.shrink(config) if local else config
