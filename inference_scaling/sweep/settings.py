"""What the searches of a sweep share, made of its config."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import jax

from inference_scaling import decoding, models
from inference_scaling.sweep import rewards


@dataclasses.dataclass(frozen=True)
class Sampler:
  """How tokens are drawn; greedy runs take temperature 0 and no filter.

  Attributes:
    temperature: of the policy's distribution.
    top_k: most tokens to draw from; 0 for no limit.
    top_p: least probability that they hold together; 1 for no limit.
  """

  temperature: float
  top_k: int
  top_p: float


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
  """How problems are asked, steps written and models placed.

  Attributes:
    prompt: as `tasks.make_prompt` takes it.
    step_format: what ends a step and announces an answer.
    limits: of tokens and steps.
    sampler: of tokens.
    reward_form: of the reward model; one of `decoding.TOKEN_SCORES` for
      scores without one, "none" for no scores.
    reward_limits: of a reward model of another form than "own", in its own
      tokens.
    dtype: of weights, activations and caches.
    mesh: of devices; None for one device.
    rows_per_problem: most beams of a problem that are written at once, the
      others take turns; None for all.
    cache: how keys and values of beams are stored: one of `decoding.CACHES`.
    tree_tokens: distinct tokens of a problem that a tree has room for, in the
      policy and in the reward model each; None for all that there can be.
    date: what chat templates that print the date take for today: the day on
      which a sweep began, so that one that is resumed asks the same.
  """

  prompt: Mapping[str, Any]
  step_format: decoding.StepFormat
  limits: decoding.Limits
  sampler: Sampler
  reward_form: str = models.OWN_FORM
  reward_limits: decoding.Limits | None = None
  dtype: str = "float32"
  mesh: jax.sharding.Mesh | None = None
  rows_per_problem: int | None = None
  cache: str = "dense"
  tree_tokens: int | None = None
  date: datetime.date | None = None

  def __post_init__(self):
    check_steps(self.limits.step_tokens, self.limits.total_tokens, "limits")
    limits = self.reward_limits
    if limits is not None and self.reward_form in models.FOREIGN_FORMS:
      check_steps(limits.step_tokens, limits.total_tokens, "reward")


def check_steps(step_tokens: int, total_tokens: int, group: str) -> None:
  """Refuses steps longer than a whole solution.

  Args:
    step_tokens: most tokens of a step.
    total_tokens: most tokens of a solution.
    group: what errors call the two: "limits".

  Raises:
    ValueError: if the first number is larger.
  """
  if step_tokens > total_tokens:
    raise ValueError(
      f"{group}.step_tokens is {step_tokens}, more than {group}.total_tokens, "
      f"{total_tokens}; expected at most that. Raise the latter or lower the "
      "former."
    )


def make_settings(
  resolved: Mapping[str, Any], date: datetime.date | None = None
) -> Settings:
  """Makes the settings of a resolved config.

  Args:
    resolved: of `config.resolve`.
    date: as `Settings`.

  Returns:
    The settings.

  Raises:
    ValueError: if the mesh does not match the devices.
  """
  limits = decoding.Limits(**resolved["limits"])
  reward = resolved["reward"]
  own_limits = {key: reward[key] for key in _LIMITS if key in reward}
  return Settings(
    prompt=resolved["prompt"],
    step_format=decoding.StepFormat(
      tuple(resolved["format"]["step_end"]),
      tuple(resolved["format"]["answer_markers"]),
    ),
    limits=limits,
    sampler=Sampler(**resolved["sampler"]),
    reward_form=reward["form"],
    reward_limits=decoding.Limits(**own_limits, max_steps=limits.max_steps)
    if own_limits
    else None,
    dtype=resolved["dtype"],
    mesh=make_mesh(**resolved["mesh"]),
    rows_per_problem=resolved["rows_per_problem"] or None,
    cache=resolved["cache"],
    tree_tokens=resolved["tree_tokens"] or None,
    date=date,
  )


def make_mesh(data: int, model: int) -> jax.sharding.Mesh | None:
  """Makes the mesh of a config; None for a single device.

  Args:
    data: devices that share out the problems.
    model: devices that share out each model.

  Returns:
    The mesh.

  Raises:
    ValueError: if their product is not the number of devices; a mesh of one
      takes the first device of however many there are.
  """
  # Several processes on one device each would do the same work apart.
  alone = data * model == 1 and jax.process_count() == 1
  return None if alone else models.make_mesh(data, model)


def aggregations(resolved: Mapping[str, Any]) -> tuple[str, ...]:
  """Aggregations of step scores for votes: none where there are no scores."""
  scored = rewards.has_scores(resolved["reward"]["form"])
  return tuple(resolved["aggregations"]) if scored else ()


_LIMITS = ("prompt_tokens", "step_tokens", "total_tokens")
