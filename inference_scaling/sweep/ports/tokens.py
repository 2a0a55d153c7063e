"""Where a reward model of this package reads the tokens of a port."""

from collections.abc import Sequence
from typing import Any

from inference_scaling import decoding, models
from inference_scaling.decoding.batching import checks
from inference_scaling.sweep.ports import port as port_lib


def check(
  port: port_lib.Port,
  reward: models.RewardModel,
  encoded: Sequence[decoding.EncodedProblem],
  limits: decoding.Limits,
) -> None:
  """Checks what the reward model is given, before any search.

  Args:
    port: of the policy, with a tokenizer.
    reward: the reward model.
    encoded: all problems.
    limits: of the buffers of the reward model.

  Raises:
    ValueError: for another tokenizer, or a prompt that is none of tokens or
      does not fit its buffer.
  """
  try:
    checks.check_vocabularies(port.policy.tokenizer, reward.tokenizer)
  except ValueError as error:
    raise ValueError(f"{port.source}: {error}") from error
  for problem in encoded:
    _check_prompt(f"{port.source}: problem {problem.id}", problem, limits)


def _check_prompt(
  where: str, problem: decoding.EncodedProblem, limits: decoding.Limits
) -> None:
  prompts: Any = problem.prompts
  if not isinstance(prompts, decoding.Prompts):
    raise ValueError(
      f"{where}: encode returned a {type(prompts).__name__}; expected "
      "decoding.Prompts of tokens int32[S] and lengths int32[], which the "
      "reward model reads."
    )
  shapes = prompts.tokens.shape, prompts.lengths.shape
  size = limits.prompt_buffer
  if len(shapes[0]) != 2 or shapes[1] != (1,) or shapes[0][1] > size:
    raise ValueError(
      f"{where}: encode returned tokens {list(shapes[0][1:])} and lengths "
      f"{list(shapes[1][1:])}; expected tokens [S], S at most {size}, and one "
      f"length. Raise limits.prompt_tokens ({limits.prompt_tokens}, rounded up "
      "to a multiple of 32) for longer prompts."
    )
