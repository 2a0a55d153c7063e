"""What a program is for: the one thing that layers choose by, beside shapes.

A program may be compiled on a machine that lacks the devices it is for, so that
layers never ask JAX which backend the host has: a model carries the answer.
"""

import dataclasses

import jax
from jax.sharding import Mesh

CPU = "cpu"
# A backend for compiling ahead of time calls itself by the second name.
_ALIASES = {"cuda": "gpu", "rocm": "gpu"}


@dataclasses.dataclass(frozen=True)
class Hardware:
  """The devices that a program is for.

  Attributes:
    platform: "cpu", "gpu" or "tpu".
    num_devices: over which it is split, on all hosts.
  """

  platform: str
  num_devices: int

  @property
  def is_cpu(self) -> bool:
    """Whether the devices are CPUs."""
    return self.platform == CPU

  @property
  def lays_out(self) -> bool:
    """Whether memory may be laid out by hand.

    Not on several devices: a constraint cannot be split over a mesh, so XLA
    would gather what it constrains.
    """
    return self.is_cpu and self.num_devices == 1


def of_mesh(mesh: Mesh | None) -> Hardware:
  """Says what a program on a mesh is for.

  Args:
    mesh: of `make_mesh`, or with devices that only a compiler knows; None for
      this host's default devices.

  Returns:
    The hardware.
  """
  if mesh is None:
    return Hardware(jax.default_backend(), jax.device_count())
  platform = str(mesh.devices.flat[0].platform)
  return Hardware(_ALIASES.get(platform, platform), mesh.devices.size)
