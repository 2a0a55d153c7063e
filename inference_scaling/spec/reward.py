"""Where the scores of steps come from: `config.reward`, by its format."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pydantic

from inference_scaling import names
from inference_scaling.spec.checking import choices, fields

_STEP_FORMATS = frozenset(names.EXTERNAL_FORMATS) - set(names.OUTCOME_FORMATS)


class Reward(fields.Group):
  """One format of rewards.

  Attributes:
    has_scores: whether steps are scored at all.
    has_model: whether a reward model scores them.
    has_probabilities: whether scores lie between 0 and 1.
    has_steps: whether a solution has a score after each step, and not only one
      at its end.
    words: what a format without a model does.
  """

  has_scores: ClassVar[bool] = True
  has_model: ClassVar[bool] = True
  has_probabilities: ClassVar[bool] = True
  has_steps: ClassVar[bool] = True
  words: ClassVar[str] = ""


class NoReward(Reward):
  """No scores: candidates vote by majority."""

  has_scores = has_model = has_probabilities = False
  words = "candidates vote with equal weights"
  format: Annotated[str, fields.one_of(names.NO_REWARD)]


class Likelihood(Reward):
  """The policy's own probabilities."""

  has_model = False
  words = (
    "no model; candidates are scored by the geometric mean of the "
    "probabilities that the policy gives their tokens"
  )
  format: Annotated[str, fields.one_of("likelihood")]


class SelfCertainty(Reward):
  """How sure the policy was of its tokens."""

  has_model = has_probabilities = False
  words = (
    "no model; candidates are scored by how far the policy was from guessing "
    "at their tokens"
  )
  format: Annotated[str, fields.one_of("self_certainty")]


class GroupConfidence(Reward):
  """How sure the policy was of the group of tokens that it was least sure of.

  The size of a group is `config.confidence.window`.
  """

  has_model = has_probabilities = False
  words = (
    "no model; candidates are scored by the lowest mean confidence of "
    "config.confidence.window tokens in a row"
  )
  format: Annotated[str, fields.one_of(names.GROUP_CONFIDENCE)]


class Native(Reward):
  """A reward model that this package trained: it reads the policy's tokens."""

  format: Annotated[str, fields.one_of(names.NATIVE_REWARD)]
  source: fields.Text = fields.required(
    "Checkpoint of the reward model, as in config.policies."
  )


class ValueHead(Reward):
  """A head on hidden states of a frozen policy, whose tokens it reads."""

  format: Annotated[str, fields.one_of(names.VALUE_HEAD)]
  source: fields.Text = fields.required(
    "Folder of the head, which launch/train.py makes of a config like "
    "configs/train_value.py."
  )
  body: Annotated[
    str, pydantic.Field(strict=True), fields.Expect("a text, empty or a source")
  ] = fields.key(
    "",
    "Checkpoint of the policy that it was trained on, as in config.policies; "
    "'' for the one that the head names.",
  )


class Python(Reward):
  """A reward of the user's own, which a function makes."""

  format: Annotated[str, fields.one_of(names.PYTHON_REWARD)]
  source: fields.Text = fields.required(
    "Function that makes it, python:package.module:function; see "
    "`sweep.RewardPort`."
  )


class External(Reward):
  """A published reward model, with a tokenizer and so limits of its own."""

  format: Annotated[str, fields.one_of(*sorted(_STEP_FORMATS))]
  source: fields.Text = fields.required(
    "Checkpoint of the reward model, as in config.policies."
  )
  prompt_tokens: fields.PositiveInt = fields.required(
    "Most tokens of a prompt, in the reward model's own tokens; rounded up to "
    "a multiple of 32."
  )
  step_tokens: fields.PositiveInt = fields.required(
    "Most tokens of a step, in the reward model's own tokens."
  )
  total_tokens: fields.PositiveInt = fields.required(
    "Most tokens of a solution, in the reward model's own tokens."
  )


class Outcome(Reward):
  """A published outcome reward model: one score for a whole solution."""

  has_probabilities = has_steps = False
  format: Annotated[str, fields.one_of(*names.OUTCOME_FORMATS)]
  source: fields.Text = fields.required(
    "Checkpoint of the reward model, as in config.policies."
  )
  prompt_tokens: fields.PositiveInt = fields.required(
    "Most tokens of a prompt, in the reward model's own tokens; rounded up to "
    "a multiple of 32."
  )
  total_tokens: fields.PositiveInt = fields.required(
    "Most tokens of a solution and what closes it, in the reward model's own "
    "tokens."
  )


REWARDS: Mapping[str, type[Reward]] = {
  names.NO_REWARD: NoReward,
  "likelihood": Likelihood,
  "self_certainty": SelfCertainty,
  names.GROUP_CONFIDENCE: GroupConfidence,
  names.NATIVE_REWARD: Native,
  names.VALUE_HEAD: ValueHead,
  names.PYTHON_REWARD: Python,
  **{
    name: Outcome if name in names.OUTCOME_FORMATS else External
    for name in names.EXTERNAL_FORMATS
  },
}
AnyReward = Annotated[Any, choices.Choice("format", REWARDS)]
