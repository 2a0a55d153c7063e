"""The prompts of problems, for a policy and for the reward model."""

from collections.abc import Mapping, Sequence

from inference_scaling import decoding, models, tasks
from inference_scaling.sweep import encoding
from inference_scaling.sweep.engine import loaded as loaded_lib
from inference_scaling.sweep.ports import port as port_lib
from inference_scaling.sweep.ports import tokens

Prompts = list[decoding.PromptProblem] | list[decoding.EncodedProblem]
Rows = Mapping[int, Sequence[int]]  # tokens, by problem


def encode(
  loaded: loaded_lib.Loaded, policy: str, problems: Sequence[tasks.Problem]
) -> tuple[Prompts, decoding.Prefix]:
  """Encodes problems.

  Args:
    loaded: the models.
    policy: name of the policy.
    problems: the problems.

  Returns:
    Their prompts, and what all of them begin with.

  Raises:
    ValueError: names a problem of which no prompt can be made, or the
      problems whose prompt does not fit the cache.
  """
  model = loaded.writer(policy)
  if isinstance(model, port_lib.Port):
    encoded = model.encode(problems)
    if isinstance(loaded.reward, models.RewardModel):
      tokens.check(model, loaded.reward, encoded, loaded.settings.limits)
    return encoded, decoding.NO_PREFIX
  questions = {problem.id: problem.question for problem in problems}
  rows, prefix = _policy_rows(loaded, policy, model, questions)
  reward_rows, reward_prefix = _reward_rows(loaded, questions)
  prompts = [
    decoding.PromptProblem(
      i, tuple(row), tuple(reward_rows[i]) if i in reward_rows else None
    )
    for i, row in rows.items()
  ]
  return prompts, decoding.Prefix(prefix, reward_prefix)


def _policy_rows(
  loaded: loaded_lib.Loaded,
  policy: str,
  model: models.Model,
  questions: Mapping[int, str],
) -> tuple[Rows, tuple[int, ...]]:
  """Tokens of the prompts for a policy, and those that all begin with."""
  settings, tokenizer = loaded.settings, model.tokenizer
  thinking = settings.thinking.get(policy)

  def encode_one(question: str) -> list[int]:
    return tasks.make_prompt(
      settings.prompt, question, tokenizer, settings.date,
      opening=thinking.open if thinking else "",
    )  # fmt: skip

  rows = encoding.encode(f"policy {policy}", questions, encode_one)
  for read in loaded.readers(policy):
    encoding.check_tokens(f"policy {policy}", rows, read)
  encoding.check_lengths(f"policy {policy}", rows, settings.limits, "limits")
  return rows, encoding.prefix(encode_one, rows)


def _reward_rows(
  loaded: loaded_lib.Loaded, questions: Mapping[int, str]
) -> tuple[Rows, tuple[int, ...]]:
  """The same for a reward model with tokens of its own; nothing for others."""
  reward, reward_format = loaded.reward, loaded.reward_format
  if not isinstance(reward, models.RewardModel) or reward_format is None:
    return {}, ()
  who = "the reward model"
  rows = encoding.encode(who, questions, reward_format.encode_prompt)
  limits = loaded.settings.reward_limits or loaded.settings.limits
  encoding.check_tokens(who, rows, reward)
  encoding.check_lengths(who, rows, limits, "reward")
  return rows, encoding.prefix(reward_format.encode_prompt, rows)
