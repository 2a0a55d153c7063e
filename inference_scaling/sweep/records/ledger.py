"""The compute ledger of one record."""

from typing import Any

from inference_scaling import compute, decoding, names
from inference_scaling.search import trace

_NOTHING = compute.Counts(prefill=0, decode=0, attended=0)


def make_ledger(
  finished: decoding.Finished,
  policy: compute.ModelCost,
  reward: compute.ModelCost,
) -> dict[str, Any]:
  """Says what the search of one problem has cost.

  Args:
    finished: the search.
    policy: costs of the policy.
    reward: costs of the reward model.

  Returns:
    The `ledger` of a record: tokens by kind (`policy_discarded` are those that
    were generated and are in no candidate), bytes of keys and values, and FLOPs
    by convention: of all (`flops`), of the prompts (`flops_prefill`), of the
    reward model (`flops_reward`) and of the prompt in the reward model
    (`flops_reward_prefill`), so that fewer samples and votes that read no
    reward can be charged what they need.
  """
  ours, theirs = finished.policy_counts, finished.reward_counts

  def by_convention(function, policy_counts):
    return {
      convention: function(policy, reward, policy_counts, theirs, convention)
      for convention in names.CONVENTIONS
    }

  return {
    "policy_prefill": int(ours.prefill),
    "policy_decode": int(ours.decode),
    "policy_discarded": int(ours.decode)
    - trace.candidate_tokens(finished.tree),
    "policy_attended": ours.total_attended,
    "reward_prefill": int(theirs.prefill),
    "reward_scored": int(theirs.decode),
    "reward_attended": theirs.total_attended,
    "cache_bytes": int(finished.cache_bytes),
    "flops": by_convention(compute.flops, ours),
    "flops_prefill": by_convention(compute.prompt_flops, ours),
    "flops_reward": by_convention(compute.flops, _NOTHING),
    "flops_reward_prefill": by_convention(compute.prompt_flops, _NOTHING),
  }
