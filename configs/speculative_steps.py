"""Reward-guided speculative steps: a small policy drafts, a large one steps in.

  python launch/sweep.py --config=configs/speculative_steps.py

Liao et al., "Reward-Guided Speculative Decoding for Efficient LLM Reasoning",
2025, https://arxiv.org/abs/2501.19324 (Algorithm 1 with the binary weighting;
its threshold is 0.7), and both searches of Wu et al., "Inference Scaling Laws",
ICLR 2025, https://arxiv.org/abs/2408.00724, on such steps.

The small and the large embedded policy alone, and as one policy at three
thresholds, over problems of the synthetic benchmark's test split. Sampling is
drawn once, at its largest n: the report estimates n = 1 and 4 from subsets.
"""

import ml_collections

from configs import common

THRESHOLDS = (0.1, 0.7, 0.99)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  runs = {
    "sampling": {"strategy": "sampling", "n": (16,)},
    "rebase": {"strategy": "rebase", "n": (4, 16)},
  }
  pairs = {
    f"small+large-{round(100 * threshold)}": {
      "draft": "small", "target": "large", "threshold": threshold,
    }
    for threshold in THRESHOLDS
  }  # fmt: skip
  config = common.embedded_sweep(
    ("small", "large"), 60, runs, batch_size=256, speculative=pairs
  )
  return common.shrink(config) if local else config
