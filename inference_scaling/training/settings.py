"""The keys of a training's config, checked before any work begins."""

from collections.abc import Mapping
from typing import Annotated, Any

import ml_collections

from inference_scaling import names
from inference_scaling.spec.checking import fields, messages

_Group = Annotated[Any, fields.Expect(fields.GROUP, dict[str, Any])]
_Buckets = Annotated[
  Any,
  fields.Expect(
    "a list of pairs: levels of problems, and the most tokens of one",
    tuple[tuple[tuple[int, ...], int], ...],
  ),
]
_FloatDtype = Annotated[str, fields.one_of(*names.FLOAT_DTYPES)]


class _Training(fields.Group):
  """What all trainings have."""

  kind: fields.Text
  seed: fields.NonNegativeInt
  batch_size: fields.PositiveInt
  learning_rate: fields.PositiveFloat
  checkpoint_every: fields.PositiveInt
  evaluate_every: fields.PositiveInt


class _FromScratch(_Training):
  """Of the embedded models."""

  buckets: _Buckets
  steps: fields.PositiveInt
  warmup_steps: fields.NonNegativeInt
  decay_steps: fields.PositiveInt


class Policy(_FromScratch):
  """Of configs/train_policy.py."""

  architecture: _Group
  evaluation_batch_size: fields.PositiveInt


class Reward(_FromScratch):
  """Of configs/train_reward.py."""

  policies: _Group
  start: fields.Text
  problem_seed: fields.NonNegativeInt
  train_problems: fields.PositiveInt
  validation_problems: fields.PositiveInt
  samples_per_problem: fields.PositiveInt
  agreement_problems: fields.NonNegativeInt
  completions: fields.PositiveInt
  num_slots: fields.PositiveInt
  limits: _Group
  right_batch_size: fields.NonNegativeInt
  end_weight: fields.NonNegativeFloat
  imitation_weight: fields.NonNegativeFloat
  evaluation_size: fields.PositiveInt


class Thinking(_FromScratch):
  """Of configs/train_thinking.py."""

  start: fields.Text
  texts: _Group
  words: Annotated[tuple[str, ...], fields.several(fields.Text, least=0)]
  problem_seed: fields.NonNegativeInt
  train_problems: fields.PositiveInt
  validation_problems: fields.PositiveInt
  samples_per_problem: fields.PositiveInt
  num_slots: fields.PositiveInt
  limits: _Group
  most_attempts: fields.PositiveInt
  cut: fields.Fraction


class Finetuning(_Training):
  """Of configs/finetune_policy.py and configs/finetune_reward.py."""

  start: fields.Text
  data: _Group
  held_out: fields.PositiveInt
  epochs: fields.PositiveInt
  microbatch_size: fields.PositiveInt
  max_length: fields.PositiveInt
  dtype: _FloatDtype
  mesh: _Group
  warmup_fraction: fields.NonNegativeFloat
  weight_decay: fields.NonNegativeFloat
  clip_norm: fields.PositiveFloat


class Value(_Training):
  """Of configs/train_value.py."""

  policy: fields.Text
  source: fields.Text
  draws: fields.Text
  step_end: Annotated[tuple[str, ...], fields.several(fields.Text, least=0)]
  held_out: fields.Fraction
  layers: Annotated[tuple[int, ...], fields.several(fields.PositiveInt)]
  width: fields.NonNegativeInt
  dtype: Annotated[str, fields.one_of(names.AUTO, *names.DTYPES)]
  steps: fields.PositiveInt
  weight_decay: fields.NonNegativeFloat


def check(
  config: ml_collections.ConfigDict | Mapping[str, Any],
  kind: type[fields.Group],
) -> None:
  """Checks all keys of a config.

  Args:
    config: of a training.
    kind: what its keys must be.

  Raises:
    ValueError: on missing and unknown keys and values that are not allowed;
      the message names key, value, what was expected and what to do.
  """
  if isinstance(config, ml_collections.ConfigDict):
    config = config.to_dict()
  messages.read(kind, dict(config), "config")
