"""Devices by name: TPU slices and GPUs that only a compiler knows."""

import dataclasses
import math
import pathlib
import re
from typing import Any

from jax.experimental import topologies

from inference_scaling.plan import chips, compilers

# What XLA must know of an H200: the text of a GpuTargetConfigProto.
_H200 = pathlib.Path(__file__).parent / "h200.txt"
_GPUS_A_HOST = 8
_CHIPS_A_HOST = 4


@dataclasses.dataclass(frozen=True)
class Target:
  """A number of devices that are connected in some way.

  Attributes:
    chip: of which they are.
    sizes: of the slice; of GPUs their number.
  """

  chip: chips.Chip
  sizes: tuple[int, ...]

  @property
  def name(self) -> str:
    """As it is given."""
    return f"{self.chip.name}:{'x'.join(map(str, self.sizes))}"

  @property
  def num_devices(self) -> int:
    """All of them."""
    return math.prod(self.sizes)


def parse(text: str) -> Target:
  """Reads the name of a target.

  Args:
    text: such as "v6e:2x4", "h200:8" or "h200".

  Returns:
    The target.

  Raises:
    ValueError: for an unknown chip, or a slice that is not written so.
  """
  name, _, shape = text.partition(":")
  chip = chips.CHIPS.get(name)
  if chip is None:
    raise ValueError(
      f"--target is {text!r}, of an unknown chip; expected one of "
      f"{', '.join(chips.CHIPS)}, with a slice, such as v6e:2x4 or h200:8."
    )
  shape = shape or (chip.topologies[0] if chip.platform == chips.GPU else "")
  if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", shape) or (
    chip.platform == chips.GPU and "x" in shape
  ):
    raise _unknown(text, chip)
  return Target(chip, tuple(map(int, shape.split("x"))))


def devices(target: Target) -> list[Any]:
  """Makes the devices of a target.

  Args:
    target: of `parse`.

  Returns:
    Devices that programs can be compiled for, and not run on.

  Raises:
    ValueError: without a compiler, or for a slice that it does not know.
  """
  compilers.require(target.chip.platform)
  options: dict[str, Any] = {}
  if target.chip.platform == chips.GPU:
    hosts = -(-target.num_devices // _GPUS_A_HOST)
    if target.num_devices % hosts:
      raise _unknown(target.name, target.chip)
    options["topology"] = f"1x{hosts}x{target.num_devices // hosts}"
    options["target_config"] = _H200.read_text(encoding="utf-8")
    name, platform = target.chip.name, "cuda"
  else:
    name, platform = target.name, "tpu"
    if target.num_devices < _CHIPS_A_HOST:  # a part of a host
      sizes = (*target.sizes, 1, 1)[:3]
      options["chips_per_host_bounds"] = sizes
  try:
    topology = topologies.get_topology_desc(name, platform, **options)
  except NotImplementedError as error:  # a plugin that found no device
    raise ValueError(
      f"{target.name}: JAX has looked for devices before its compiler could be "
      "asked, and dropped it. Start the program with JAX_PLATFORMS=cpu."
    ) from error
  except RuntimeError as error:  # of XLA, for a slice that there is not
    if "lockfile" in str(error):
      raise ValueError(
        f"{target.name}: another program holds the compiler: {error}"
      ) from error
    raise _unknown(target.name, target.chip) from error
  return list(topology.devices)


def _unknown(text: str, chip: chips.Chip) -> ValueError:
  names = ", ".join(f"{chip.name}:{shape}" for shape in chip.topologies)
  return ValueError(
    f"--target is {text!r}, a slice that there is not; expected {names}."
  )
