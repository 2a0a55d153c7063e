"""The compute ledger: what was computed, in tokens and in operations."""

from inference_scaling.compute.conventions import flops, prompt_flops
from inference_scaling.compute.costs import (
  NO_COST,
  ModelCost,
  PairCost,
  add_head,
  head_cost,
  policy_cost,
  reward_cost,
  step_reward_cost,
)
from inference_scaling.compute.counts import (
  Counts,
  add_counts,
  attended,
  prompt_counts,
)

__all__ = [
  "NO_COST",
  "Counts",
  "ModelCost",
  "PairCost",
  "add_counts",
  "add_head",
  "attended",
  "flops",
  "head_cost",
  "policy_cost",
  "prompt_counts",
  "prompt_flops",
  "reward_cost",
  "step_reward_cost",
]
