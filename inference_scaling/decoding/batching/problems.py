"""Problems as policies see them: tokens, or other arrays."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.search import batching
from inference_scaling.search.porting import speculative, whole_steps


@dataclasses.dataclass(frozen=True)
class PromptProblem:
  """A problem as the models see it.

  Attributes:
    id: a number of its own; with the seed it fixes the random draws.
    tokens: the prompt's token ids.
    reward_tokens: the same for a reward model that does not take the policy's
      tokens, as its format encodes the question; None for one that does.
  """

  id: int
  tokens: tuple[int, ...]
  reward_tokens: tuple[int, ...] | None = None

  @property
  def num_tokens(self) -> int:
    """Tokens of the policy's prompt."""
    return len(self.tokens)


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedProblem:
  """A problem as a policy that is no `ModelPolicy` sees it.

  Attributes:
    id: as of `PromptProblem`.
    prompts: a pytree of arrays [1, ...], of the same shapes for all problems.
    num_tokens: of the prompt, for the ledger.
  """

  id: int
  prompts: Any
  num_tokens: int = 0


Problem = PromptProblem | EncodedProblem


@dataclasses.dataclass(frozen=True)
class Prefix:
  """Tokens that all prompts of a search begin with; () for none.

  What a model makes of them is computed once and used by all problems.

  Attributes:
    tokens: of the policy's prompts.
    reward_tokens: of `PromptProblem.reward_tokens`; not read for a reward model
      that takes the policy's tokens.
  """

  tokens: tuple[int, ...] = ()
  reward_tokens: tuple[int, ...] = ()


NO_PREFIX = Prefix()


def common_prefix(
  rows: Iterable[Sequence[int]], least: int = 64
) -> tuple[int, ...]:
  """Finds the tokens that prompts begin with, all but their last.

  Args:
    rows: the tokens of prompts; at least one prompt.
    least: of fewer tokens none are taken, as they save little.

  Returns:
    The tokens, or ().
  """
  first, *others = rows
  size = len(first) - 1
  for row in others:
    size = min(size, len(row) - 1)
    while tuple(row[:size]) != tuple(first[:size]):
      size -= 1
  return tuple(first[:size]) if size >= least else ()


def lay_out(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  problem: Problem,
  prefix: Prefix = NO_PREFIX,
) -> Any:
  """Lays out a problem's prompts, that of the reward model if it has one.

  Args:
    policy: of the search; of two `ModelPolicy` that write together, these
      take the problem as one would.
    reward: likewise.
    problem: the problem.
    prefix: what is left out at the beginning.

  Returns:
    A pytree of arrays [1, ...]; `limits.Prompts` for a `ModelPolicy`.

  Raises:
    ValueError: for a problem of the other kind, one without the reward model's
      own prompt, or a prompt that does not fit its buffer or lacks the prefix.
  """
  if isinstance(policy, whole_steps.WholeSteps):
    pair = policy.owner
    if isinstance(pair, speculative.SpeculativePolicy):
      policy, reward = pair.target, pair.reward
  is_model = isinstance(policy, policy_lib.ModelPolicy)
  if is_model and isinstance(problem, PromptProblem):
    return _pad(policy, reward, problem, prefix)
  if not is_model and isinstance(problem, EncodedProblem):
    return problem.prompts
  expected = PromptProblem if is_model else EncodedProblem
  raise ValueError(
    f"problem {problem.id} is of the type {type(problem).__name__}; expected "
    f"{expected.__name__}: a ModelPolicy is given tokens, any other policy a "
    "pytree of arrays."
  )


def _pad(
  policy: policy_lib.ModelPolicy,
  reward: batching.BatchedReward,
  problem: PromptProblem,
  prefix: Prefix,
) -> limits_lib.Prompts:
  """Pads the tokens of a problem, as little as their lengths allow."""
  tokens = limits = None
  if isinstance(reward, reward_lib.ModelReward) and reward.translator:
    tokens, limits = problem.reward_tokens, reward.limits
    if tokens is None:
      raise ValueError(
        f"problem {problem.id} has no reward_tokens, but the reward model does "
        "not take the policy's tokens. Give it the tokens of "
        "model.reward_format.encode_prompt(question)."
      )
    tokens = _rest(problem.id, tokens, prefix.reward_tokens)
  own = _rest(problem.id, problem.tokens, prefix.tokens)
  return limits_lib.shorten(
    limits_lib.pad_prompt(problem.id, own, policy.limits, tokens, limits)
  )


def _rest(
  problem_id: int, tokens: tuple[int, ...], prefix: tuple[int, ...]
) -> tuple[int, ...]:
  """The tokens of a prompt behind the prefix."""
  size = len(prefix)
  if tokens[:size] != prefix or len(tokens) == size:
    raise ValueError(
      f"problem {problem_id}: its prompt of {len(tokens)} tokens does not go "
      f"on from the prefix of {size} tokens; expected all prompts to begin "
      "with it and to be longer. Give the prefix by common_prefix of all "
      "prompts, or leave it out."
    )
  return tokens[size:]
