"""What the searches of a sweep share, made of its config."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import jax

from inference_scaling import decoding, models, names, spec
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats
from inference_scaling.spec import reward as reward_lib


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
  """How problems are prompted, steps written and models sharded.

  Attributes:
    prompt: as `tasks.make_prompt` takes it.
    step_format: what ends a step and announces an answer.
    limits: of tokens and steps.
    sampler: of tokens.
    reward_format: of the reward model; one of `decoding.TOKEN_SCORES` for
      scores without one, "none" for no scores.
    reward_limits: of a reward model of another format than "native", in its own
      tokens.
    dtype: of weights, activations and caches, or of weights alone.
    policy_dtypes: of policies of another dtype, by name.
    mesh: of devices; None for one device.
    rows_per_problem: most beams of a problem that are written at once, the
      others take turns; None for all.
    cache: how keys and values of beams are stored: one of `decoding.CACHES`.
    tree_tokens: distinct tokens of a problem that a tree has space for, in the
      policy and in the reward model each; None for all that there can be.
    attention: how beams attend to their past, one of `names.ATTENTIONS`.
    confidence: what is kept of how sure policies are of their tokens.
    thinking: how policies think, by name; others do not.
    date: what chat templates that print the date take for today: the day on
      which a sweep began, so that one that is resumed asks the same.
  """

  prompt: Mapping[str, Any]
  step_format: decoding.StepFormat
  limits: decoding.Limits
  sampler: spec.Sampler
  reward_format: str = models.NATIVE_FORMAT
  reward_limits: decoding.Limits | None = None
  dtype: str = "float32"
  policy_dtypes: Mapping[str, str] = dataclasses.field(default_factory=dict)
  mesh: jax.sharding.Mesh | None = None
  rows_per_problem: int | None = None
  cache: str = "dense"
  tree_tokens: int | None = None
  attention: str = names.AUTO
  confidence: spec.Confidence = dataclasses.field(
    default_factory=spec.Confidence
  )
  thinking: Mapping[str, spec.Thinking] = dataclasses.field(
    default_factory=dict
  )
  date: datetime.date | None = None

  def __post_init__(self):
    spec.check_steps(self.limits, "limits")
    groups = self.reward_format == names.GROUP_CONFIDENCE
    if groups and not self.confidence.window:
      raise ValueError(
        f"reward_format is {self.reward_format!r}, but confidence.window is 0; "
        "expected how many tokens are a group. Set it, or give another format."
      )
    limits = self.reward_limits
    if limits is not None and self.reward_format in models.EXTERNAL_FORMATS:
      spec.check_steps(limits, "reward")


def whole_solutions(settings: Settings) -> Settings:
  """Makes a solution one step, where a reward model scores whole ones alone.

  Args:
    settings: of any reward format.

  Returns:
    The same settings for a model of steps.
  """
  if spec.REWARDS[settings.reward_format].has_steps:
    return settings
  reward_limits = settings.reward_limits
  return dataclasses.replace(
    settings,
    step_format=dataclasses.replace(settings.step_format, whole=True),
    limits=settings.limits.whole,
    reward_limits=reward_limits and reward_limits.whole,
  )


def choose_dtype(sweep: spec.Sweep) -> spec.Sweep:
  """Puts the fastest dtype of this machine where the config asks for it.

  Args:
    sweep: of `spec.read_sweep`.

  Returns:
    The same sweep, of one of `names.DTYPES`: a folder is of one dtype, on
    whatever machine it goes on.

  Raises:
    ValueError: if the mesh does not match the devices.
  """
  if sweep.dtype != names.AUTO:
    return sweep
  mesh = make_mesh(sweep.mesh.data, sweep.mesh.model)
  dtype = formats.fastest(hardware.of_mesh(mesh))
  return sweep.model_copy(update={"dtype": dtype})


def make_settings(
  sweep: spec.Sweep, date: datetime.date | None = None
) -> Settings:
  """Makes the settings of a sweep.

  Args:
    sweep: of `spec.read_sweep`.
    date: as `Settings`.

  Returns:
    The settings.

  Raises:
    ValueError: if the mesh does not match the devices.
  """
  limits = decoding.Limits(**sweep.limits.model_dump())
  reward, reward_limits = sweep.reward, None
  if isinstance(reward, reward_lib.Outcome):
    total = reward.total_tokens
    reward_limits = decoding.Limits(reward.prompt_tokens, total, total, 1)
  elif isinstance(reward, reward_lib.External):
    reward_limits = decoding.Limits(
      reward.prompt_tokens, reward.step_tokens, reward.total_tokens,
      limits.max_steps,
    )  # fmt: skip
  settings = Settings(
    prompt=sweep.prompt.model_dump(mode="json"),
    step_format=decoding.StepFormat(
      sweep.format.step_end,
      sweep.format.answer_markers,
      split_after=sweep.format.split_after,
    ),
    limits=limits,
    sampler=sweep.sampler,
    reward_format=reward.format,
    reward_limits=reward_limits,
    dtype=sweep.dtype,
    policy_dtypes=sweep.policy_dtypes,
    mesh=make_mesh(sweep.mesh.data, sweep.mesh.model),
    rows_per_problem=sweep.rows_per_problem or None,
    cache=sweep.cache,
    tree_tokens=sweep.tree_tokens or None,
    attention=sweep.attention,
    confidence=sweep.confidence,
    thinking=sweep.thinking,
    date=date,
  )
  return whole_solutions(settings)


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


def aggregations(sweep: spec.Sweep) -> tuple[str, ...]:
  """Aggregations of step scores for votes: none where there are no scores."""
  return sweep.aggregations if sweep.reward.has_scores else ()
