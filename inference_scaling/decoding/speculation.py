"""Two language models as one policy: reward-guided speculative steps."""

from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding.batching import checks
from inference_scaling.search import base
from inference_scaling.search.porting import speculative, speculative_reward


def speculative_policy(
  draft: policy_lib.ModelPolicy,
  target: policy_lib.ModelPolicy,
  reward: base.Reward,
) -> tuple[speculative.SpeculativePolicy, speculative_reward.SpeculativeReward]:
  """Joins a draft, a target and a reward, as `search.speculative` does.

  Args:
    draft: proposes every step.
    target: writes the steps whose proposal scores below the threshold; in the
      same tokens and of the same limits.
    reward: scores the steps of both.

  Returns:
    A policy, which takes `search.SpeculativeParams`, and its reward.

  Raises:
    ValueError: for models that do not take the same tokens, or other limits or
      numbers of beams, or that think.
  """
  checks.check_vocabularies(
    draft.model.tokenizer, target.model.tokenizer, "target policy", "draft"
  )
  if draft.limits != target.limits:
    raise ValueError(
      f"the draft's limits are {draft.limits} and the target's "
      f"{target.limits}; expected the same, since both stand behind the same "
      "steps. Make both policies with one Limits."
    )
  for policy in (draft, target):
    checks.check_tokens(policy, reward)
    if policy.thinking is not None:
      raise ValueError(
        "a draft or a target thinks before it answers; expected policies "
        "without thinking, since a beam's thinking is known to the policy "
        "alone that writes it. Leave `thinking` out."
      )
  return speculative.speculative(draft, target, reward)
