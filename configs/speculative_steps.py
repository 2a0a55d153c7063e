"""Reward-guided speculative steps: a small policy drafts, a large one steps in.

  python launch/sweep.py --config=configs/speculative_steps.py

Liao et al., "Reward-Guided Speculative Decoding for Efficient LLM Reasoning",
2025, https://arxiv.org/abs/2501.19324 (Algorithm 1 with the binary weighting;
its threshold is 0.7), and both searches of Wu et al., "Inference Scaling Laws",
ICLR 2025, https://arxiv.org/abs/2408.00724, on such steps.

The small and the large embedded policy alone, and as one policy at three
thresholds (the highest by REBASE alone), over problems of the synthetic
benchmark's test split. Sampling is drawn once, at its largest n: the report
estimates n = 1 and 4 from subsets.

Expect five minutes of a core, and of REBASE with n = 4 and a threshold of 0.7
an accuracy of weighted votes of 88%: 20 points above the small policy and level
with the large one, for 37% of its FLOPs as the paper counts them and as many as
its own where all are counted.
"""

import ml_collections

from configs import common

# Rewards of the embedded model are near 0 or 1.
THRESHOLDS = (0.1, 0.7, 0.99)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  pairs = {
    f"small+large-{round(100 * threshold)}": {
      "draft": "small", "target": "large", "threshold": threshold,
    }
    for threshold in THRESHOLDS
  }  # fmt: skip
  sampled = ("small", "large", *list(pairs)[:-1])
  runs = {
    "sampling": {"strategy": "sampling", "n": (16,), "policies": sampled},
    "rebase": {"strategy": "rebase", "n": (4, 16)},
  }
  config = common.embedded_sweep(
    ("small", "large"), 60, runs, batch_size=256, speculative=pairs
  )
  return common.shrink(config) if local else config
