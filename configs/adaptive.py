r"""Adaptive sampling against fixed n and REBASE, on the embedded models.

  python launch/sweep.py --config=configs/adaptive.py
  python launch/sweep.py --config=configs/adaptive.py:deepconf
  python launch/report.py runs/adaptive runs/adaptive_deepconf \
    --output=runs/adaptive_sampling

Li et al., "Escape Sky-high Cost: Early-stopping Self-Consistency for Multi-step
Reasoning", ICLR 2024, https://arxiv.org/abs/2401.10480; Aggarwal et al., "Let's
Sample Step by Step: Adaptive-Consistency for Efficient Reasoning and Coding
with LLMs", EMNLP 2023, https://arxiv.org/abs/2305.11860; Fu et al., "Deep Think
with Confidence", 2025, https://arxiv.org/abs/2508.15260.

The small and the middle policy on 120 problems of the synthetic benchmark's
test split: 32 samples, with how sure the policy was of them, which the report
tries every rule and every vote on, over all orders, and REBASE. The middle
policy also runs the rules online: it draws what a rule would have drawn of the
32 samples, in their order, and is charged for these. ":deepconf" is a sweep of
its own, since DeepConf stops samples by the policy's confidence in place of the
reward model; the third command puts both into one figure and one table.

The first took 28 minutes of two cores that were busy with other work, the
second 4. Expect what configs/results/adaptive_sampling/ holds: for the middle
policy the accuracy of all 32 samples' majority (84%) for half of their FLOPs,
and 1 to 2 points more than as many FLOPs of a fixed number of samples.
"""

import ml_collections

from configs import common, confidence
from inference_scaling import names

POLICIES = ("small", "middle")
COUNT, MOST = 120, 32
DEEPCONF = "deepconf"


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config of the rules that count samples, or of DeepConf.

  Args:
    arg: nothing or "deepconf"; "runlocal", or ",runlocal" behind it, shrinks it
      to a check that everything runs.

  Returns:
    The config.
  """
  choice, local = common.split_argument(arg, ("", DEEPCONF))
  online = {"n": (MOST,), "policies": ("middle",)}
  runs = {
    "sampling": {"strategy": "sampling", "n": (MOST,)},
    "rebase": {"strategy": "rebase", "n": (2, 4, 16)},
    **{
      rule: {"strategy": f"adaptive_sampling/{rule}", "rule": rule, **online}
      for rule in names.STOPPING_RULES
    },
    "reward": {"strategy": "reward_threshold", "threshold": 0.9, **online},
  }
  if choice == DEEPCONF:
    runs = confidence.deepconf_runs((MOST // 2, MOST))
  config = common.embedded_sweep(
    POLICIES, COUNT, runs, 256,
    confidence.GROUPS if choice == DEEPCONF else None,
    confidence=confidence.CONFIDENCE,
  )  # fmt: skip
  # Few of 32 samples draw at once: more problems share the batch.
  config.rows_per_problem = 4 if local else MOST
  return confidence.shrink(config) if local else config
