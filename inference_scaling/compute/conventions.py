"""Floating-point operations of counted tokens, in three conventions."""

from inference_scaling import names
from inference_scaling.compute import costs
from inference_scaling.compute import counts as counts_lib


def flops(
  policy: costs.ModelCost,
  reward: costs.ModelCost,
  policy_counts: counts_lib.Counts,
  reward_counts: counts_lib.Counts,
  convention: str,
) -> float:
  """Converts the tokens of one problem into floating-point operations.

  `paper` is 2 * parameters * generated tokens of the policy. `with_reward`
  adds 2 * parameters * scored tokens of the reward model. `full` counts the
  matrix products that were needed: also the prompts, attention to the cached
  positions, and the unembedding of each drawn token; a look-up in the
  embedding costs nothing there. Work on beams that were dropped counts in all
  of them: what was computed was spent.

  Args:
    policy: costs of the policy.
    reward: costs of the reward model.
    policy_counts: of one problem, without the axis P.
    reward_counts: of one problem.
    convention: one of `names.CONVENTIONS`.

  Returns:
    Floating-point operations.

  Raises:
    ValueError: on an unknown convention.

  References:
    Kaplan et al., "Scaling laws for neural language models", 2020,
      arXiv:2001.08361, section 2.1.
    Wu et al., "Inference scaling laws", ICLR 2025, section 4.
  """
  if convention not in names.CONVENTIONS:
    raise ValueError(
      f"convention is {convention!r}; expected one of {names.CONVENTIONS}."
    )
  generated, scored = int(policy_counts.decode), int(reward_counts.decode)
  total = 2.0 * policy.parameters * generated
  if convention == names.PAPER:
    return total
  if convention == names.WITH_REWARD:
    return total + 2.0 * reward.parameters * scored
  return _full(policy, policy_counts) + _full(reward, reward_counts)


def prompt_flops(
  policy: costs.ModelCost,
  reward: costs.ModelCost,
  policy_counts: counts_lib.Counts,
  reward_counts: counts_lib.Counts,
  convention: str,
) -> float:
  """The part of `flops` that is spent once a problem, on its prompt.

  Args:
    policy: costs of the policy.
    reward: costs of the reward model.
    policy_counts: of one problem, without the axis P.
    reward_counts: of one problem.
    convention: one of `names.CONVENTIONS`.

  Returns:
    Floating-point operations; 0 but for `full`.
  """
  policy_prompt = _prompt_alone(policy, policy_counts)
  reward_prompt = _prompt_alone(reward, reward_counts)
  return flops(policy, reward, policy_prompt, reward_prompt, convention)


def _prompt_alone(
  cost: costs.ModelCost, counts: counts_lib.Counts
) -> counts_lib.Counts:
  """What the prompt of one problem has in its counts."""
  n = int(counts.prefill)
  return counts_lib.Counts(
    prefill=n, decode=0, attended=int(counts_lib.attended(cost, 0, n))
  )


def _full(cost: costs.ModelCost, counts: counts_lib.Counts) -> float:
  """Needed operations of one model."""
  tokens = int(counts.prefill) + int(counts.decode)
  return (
    float(cost.per_token) * tokens
    + float(cost.per_position) * counts.total_attended
    + float(cost.unembedding) * int(counts.decode)
  )
