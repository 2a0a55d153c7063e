"""A sweep as a plan reads it: settings and architectures, no weights."""

import dataclasses
import pathlib
from typing import Any

from inference_scaling import models, names, spec
from inference_scaling.models import published
from inference_scaling.models.checkpoints import digest
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats
from inference_scaling.sweep import problems as problems_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.ports import loading


@dataclasses.dataclass(frozen=True)
class Planned:
  """A sweep whose searches are planned.

  Attributes:
    sweep: the config, with a dtype in place of "auto".
    settings: of the sweep on one device.
    num_problems: of each run.
    reward: architecture of the reward model; None for none or a value head.
    head: the value head, opened, or None.
  """

  sweep: spec.Sweep
  settings: settings_lib.Settings
  num_problems: int
  reward: models.DecoderConfig | None
  head: Any

  def value_layers(self, policy: str) -> tuple[int, ...]:
    """Layers of a policy that the value head reads.

    Args:
      policy: its name.

    Returns:
      Their numbers; () for a policy that is not the head's body.
    """
    source, head = self.sweep.policies[policy], self.head
    if head is None or self.sweep.dtype_of(policy) != self.sweep.dtype:
      return ()
    if architecture(source) != head.whole.config:
      return ()
    if source in published.published_names():
      return ()  # nobody's weights
    sha256 = digest.sha256(models.open_checkpoint(source), source)
    same = sha256 == head.description.body_sha256
    return head.description.layers if same else ()


def read(
  config: Any,
  num_problems: int | None,
  devices: hardware.Hardware | None = None,
) -> Planned:
  """Reads the config of a sweep; arguments as of `searches.of_sweep`.

  Raises:
    ValueError, OSError: as of `searches.of_sweep`.
  """
  sweep = spec.read_sweep(config)
  if sweep.dtype == names.AUTO:
    dtype = formats.fastest(devices or hardware.Hardware("tpu", 1))
    sweep = sweep.model_copy(update={"dtype": dtype})
  one = type(sweep.mesh)(data=1, model=1)
  settings = settings_lib.make_settings(sweep.model_copy(update={"mesh": one}))
  count = num_problems or len(problems_lib.load(sweep.task))
  reward, head = None, None
  if sweep.reward.format == names.VALUE_HEAD:
    head = models.open_value_head(sweep.reward.source, sweep.reward.body)
  elif sweep.reward.has_model:
    reward = architecture(sweep.reward.source)
  for run in spec.expand(sweep.runs):
    if run.policy in sweep.speculative:
      raise ValueError(
        f"config.speculative.{run.policy} is made of two policies, and plans "
        "are of searches with one; expected runs of config.policies alone. "
        "Plan its draft and its target, each as a policy of its own."
      )
  return Planned(sweep, settings, count, reward, head)


def architecture(source: str) -> models.DecoderConfig:
  """Finds the architecture of a model; its weights are not read.

  Args:
    source: name of a published architecture, or as `models.read_architecture`.

  Returns:
    The architecture.

  Raises:
    ValueError: for a name that nobody knows, or a function of the user's own.
    OSError: for a checkpoint that is not there.
  """
  if source in published.published_names():
    return published.published_config(source)
  if loading.is_port(source):
    raise ValueError(
      f"{source} is a function of your own; programs are compiled for models "
      "of this package only. Take it out of the config, or give a model: "
      "--config.policies.NAME=llemma_7b."
    )
  if "/" not in source and not pathlib.Path(source).exists():
    raise ValueError(
      f"{source!r} is neither a folder or file nor one of the published "
      f"architectures: {', '.join(published.published_names())}."
    )
  return models.read_architecture(source)
