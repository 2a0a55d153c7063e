"""The compute ledger of one record."""

from collections.abc import Callable, Sequence
from typing import Any

from inference_scaling import compute, decoding, names
from inference_scaling.search import SpeculativeCounts, trace
from inference_scaling.spec import record

_NOTHING = compute.Counts(prefill=0, decode=0, attended=0)


def make_ledger(
  finished: decoding.Finished,
  policy: compute.ModelCost | compute.PairCost,
  reward: compute.ModelCost,
  head: compute.ModelCost | None = None,
) -> dict[str, Any]:
  """Says what the search of one problem has cost.

  Args:
    finished: the search.
    policy: costs of the policy; of both for a policy made of two, whose ledger
      also tells these apart.
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
  if isinstance(policy, compute.PairCost):
    return _pair_ledger(finished, policy, reward)
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


def _pair_ledger(
  finished: decoding.Finished,
  policy: compute.PairCost,
  reward: compute.ModelCost,
) -> dict[str, Any]:
  """The ledger of a draft and a target.

  The reward decides which of them writes, whatever vote follows: all of its
  FLOPs are the policy's, so that no vote is charged without them.
  """
  counts = finished.policy_counts
  assert isinstance(counts, SpeculativeCounts)
  draft, target, scored = counts.draft, counts.target, counts.reward
  draft_read, target_read = int(counts.draft_read), int(counts.target_read)
  # Without what was read of steps.
  prompts = (
    (policy.draft, draft.replace(prefill=draft.prefill - draft_read)),
    (policy.target, target.replace(prefill=target.prefill - target_read)),
  )
  both = (policy.draft, draft), (policy.target, target)
  judged = (reward, scored)
  used = trace.candidate_tokens(finished.tree)
  return record.to_json(
    record.Ledger(
      policy_prefill=int(counts.prefill) - draft_read - target_read,
      policy_decode=int(counts.decode),
      policy_discarded=int(counts.decode) - used,
      policy_attended=counts.total_attended,
      reward_prefill=int(scored.prefill),
      reward_scored=int(scored.decode),
      reward_attended=scored.total_attended,
      cache_bytes=int(finished.cache_bytes),
      flops=_sum_flops(compute.flops, both, judged),
      flops_prefill=_sum_flops(compute.prompt_flops, prompts, judged),
      flops_reward=_sum_flops(compute.flops),
      flops_reward_prefill=_sum_flops(compute.flops),
      draft_decode=int(draft.decode),
      draft_rejected=int(counts.rejected),
      draft_read=draft_read,
      target_decode=int(target.decode),
      target_read=target_read,
      flops_draft=_sum_flops(compute.flops, both[:1]),
      flops_target=_sum_flops(compute.flops, both[1:]),
    )
  )


# A model's costs, and the tokens that it computed.
_Part = tuple[compute.ModelCost, compute.Counts]


def _sum_flops(
  function: Callable[..., float],
  policies: Sequence[_Part] = (),
  reward: _Part = (compute.NO_COST, _NOTHING),
) -> dict[str, float]:
  """FLOPs of several models together, by convention.

  Args:
    function: `compute.flops` or `compute.prompt_flops`.
    policies: those that write.
    reward: the reward model.

  Returns:
    The sum of each convention.
  """
  cost, scored = reward
  return {
    convention: sum(
      (
        function(own, compute.NO_COST, counts, _NOTHING, convention)
        for own, counts in policies
      ),
      function(compute.NO_COST, cost, _NOTHING, scored, convention),
    )
    for convention in names.CONVENTIONS
  }
