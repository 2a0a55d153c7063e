"""What a program is for: the one thing that layers choose by, beside shapes.

A program may be compiled on a machine that lacks the devices it is for, so that
layers never ask JAX which backend the host has: a model carries the answer.
"""

import dataclasses

import jax
from jax.sharding import Mesh

from inference_scaling import runtime
from inference_scaling.models import sharding

CPU = "cpu"
# A backend for compiling ahead of time calls itself by the second name.
_ALIASES = {"cuda": "gpu", "rocm": "gpu"}

# By JAX's name of a device: 10^12 FLOPs a second in bfloat16 (dense), and 10^9
# bytes a second of its memory, from the makers' data sheets
# (https://cloud.google.com/tpu/docs/v6e and its neighbours,
# https://www.nvidia.com/en-us/data-center/h200/).
_RATES = {
  "TPU v4": (275, 1228),
  "TPU v5 lite": (197, 819),  # v5e
  "TPU v5": (459, 2765),  # v5p
  "TPU v6 lite": (918, 1638),  # v6e
  "NVIDIA A100-SXM4-80GB": (312, 2039),
  "NVIDIA H100 80GB HBM3": (989, 3350),
  "NVIDIA H200": (989, 4800),
}
_OTHER = (240, 1000)  # in the middle of these


@dataclasses.dataclass(frozen=True)
class Hardware:
  """The devices that a program is for.

  Attributes:
    platform: "cpu", "gpu" or "tpu".
    num_devices: over which it is split, on all hosts.
    data_parts: over how many of them problems are split.
    model_parts: over how many of them weights are split.
    device_kind: JAX's name of a device; empty for any of the platform.
  """

  platform: str
  num_devices: int
  data_parts: int = 1
  model_parts: int = 1
  device_kind: str = ""

  @property
  def form(self) -> tuple[str, int, int]:
    """The platform, and the parts that problems and weights are split into."""
    return self.platform, self.data_parts, self.model_parts

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

  @property
  def flops_per_byte(self) -> float:
    """What an accelerator computes in bfloat16 while it reads a byte.

    A pass over as many tokens takes as long to compute as its weights take to
    be read: two FLOPs a token for each weight of two bytes.
    """
    flops, read = _RATES.get(self.device_kind, _OTHER)
    return flops * 1000 / read


def of_mesh(mesh: Mesh | None) -> Hardware:
  """Says what a program on a mesh is for.

  Args:
    mesh: of `make_mesh`, or with devices that only a compiler knows; None for
      this host's default devices.

  Returns:
    The hardware.
  """
  if mesh is None:
    runtime.warn_of_lost_accelerator()
    devices = jax.devices()
    return Hardware(
      jax.default_backend(), len(devices), device_kind=devices[0].device_kind
    )
  first = mesh.devices.flat[0]
  platform = str(first.platform)
  return Hardware(
    _ALIASES.get(platform, platform),
    mesh.devices.size,
    mesh.shape[sharding.DATA],
    mesh.shape[sharding.MODEL],
    first.device_kind,
  )
