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
holds: weighted votes of the middle policy are 91.5% right with 16 samples and
93.9% with REBASE and 16 beams.
"""

import ml_collections

POLICIES = ("small", "middle", "large")
SEEDS = (0, 1, 2)
REBASE = {"temperature": 0.1, "rule": "ceil", "duplicates": "keep"}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "tiny" shrinks it to a check that everything runs."""
  if arg not in ("", "tiny"):
    raise ValueError(f"argument is {arg!r}; expected nothing or 'tiny'.")
  config = ml_collections.ConfigDict()
  config.task = {
    "kind": "synthetic",
    "split": "test",
    "count": 300,
    "seed": 0,
    "levels": (1, 2, 3, 4, 5, 6),
  }
  config.policies = {name: f"embedded/policy_{name}" for name in POLICIES}
  config.reward = {"form": "own", "source": "embedded/reward"}
  config.dtype = "float32"
  config.mesh = {"data": 1, "model": 1}
  config.prompt = {"kind": "plain"}
  config.runs = {
    "greedy": {"strategy": "greedy", "policies": POLICIES},
    "sampling": {
      "strategy": "sampling",
      "policies": ("small", "middle"),
      "n": (64,),
      "seeds": SEEDS,
    },
    "rebase": {
      "strategy": "rebase",
      "policies": POLICIES,
      "n": (4, 16),
      "seeds": SEEDS,
      **REBASE,
    },
    "rebase_wide": {
      "strategy": "rebase",
      "policies": ("middle",),
      "n": (64,),
      "seeds": SEEDS,
      **REBASE,
    },
    # 16 beams of the largest policy cost what 56 of the middle one cost.
    "sampling_large": {
      "strategy": "sampling",
      "policies": ("large",),
      "n": (16,),
      "seeds": SEEDS,
    },
  }
  config.sampler = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
  config.format = {
    "step_end": (" ки",),
    "answer_markers": ("The answer is",),
  }
  config.limits = {
    "prompt_tokens": 112,
    "step_tokens": 32,
    "total_tokens": 128,
    "max_steps": 8,
  }
  config.aggregations = ("last", "min", "mean", "product")
  config.rows_in_flight = 512
  config.rows_per_problem = 0
  config.cache = "dense"
  config.tree_tokens = 0
  if arg == "tiny":
    config.task.count = 6
    for run in ("sampling", "rebase", "rebase_wide", "sampling_large"):
      config.runs[run].n = (2,) if run == "rebase" else (4,)
      config.runs[run].seeds = (0, 1)
    config.rows_in_flight = 16
  return config
