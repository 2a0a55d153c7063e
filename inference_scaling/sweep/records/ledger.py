"""The compute ledger of one record."""

from collections.abc import Callable
from typing import Any

from inference_scaling import compute, decoding, names
from inference_scaling.search import trace
from inference_scaling.spec import record

_NOTHING = compute.Counts(prefill=0, decode=0, attended=0)


def make_ledger(
  finished: decoding.Finished,
  policy: compute.ModelCost,
  reward: compute.ModelCost,
  head: compute.ModelCost | None = None,
) -> dict[str, Any]:
  """Says what the search of one problem has cost.

  Args:
    finished: the search.
    policy: costs of the policy.
    reward: costs of the reward model.
    head: of a value head whose body is the policy; None for other rewards.

  Returns:
    The `ledger` of a record: tokens by kind (`policy_discarded` are those that
    were generated and are in no candidate, `policy_thinking` those before an
    answer, where the policy thinks), bytes of keys and values, and FLOPs
    by convention: of all (`flops`), of the prompts (`flops_prefill`), of the
    reward model (`flops_reward`) and of the prompt in the reward model
    (`flops_reward_prefill`), so that fewer samples and votes that read no
    reward can be charged what they need; and of a value head on the policy's
    own hidden states (`flops_head`), what is left where these are charged
    once.
  """
  written, scored = finished.policy_counts, finished.reward_counts

  def by_convention(
    function: Callable[..., float],
    policy_counts: compute.Counts,
    reward: compute.ModelCost = reward,
  ) -> dict[str, float]:
    return {
      convention: function(policy, reward, policy_counts, scored, convention)
      for convention in names.CONVENTIONS
    }

  used = trace.candidate_tokens(finished.tree)
  return record.to_json(
    record.Ledger(
      policy_prefill=int(written.prefill),
      policy_decode=int(written.decode),
      policy_discarded=int(written.decode) - used,
      policy_attended=written.total_attended,
      reward_prefill=int(scored.prefill),
      reward_scored=int(scored.decode),
      reward_attended=scored.total_attended,
      cache_bytes=int(finished.cache_bytes),
      policy_thinking=(
        None if written.thinking is None else int(written.thinking)
      ),
      flops=by_convention(compute.flops, written),
      flops_prefill=by_convention(compute.prompt_flops, written),
      flops_reward=by_convention(compute.flops, _NOTHING),
      flops_reward_prefill=by_convention(compute.prompt_flops, _NOTHING),
      flops_head=by_convention(compute.flops, _NOTHING, head) if head else None,
    )
  )
