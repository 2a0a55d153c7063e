"""Formats of quantised weights, and the dtype of all else in such a model."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from llvmlite import binding

from inference_scaling import names
from inference_scaling.models.kernels.cpu import int8_product
from inference_scaling.models.layers import hardware as hardware_lib

# NVIDIA's units convert and multiply e4m3 from Ada on, TPUs from the seventh
# generation on.
_COMPUTE_CAPABILITY = (8, 9)
_TPUS = ("TPU7", "TPU v7")
# By LLVM's names, what multiplies bfloat16 on CPUs.
_UNITS = ("avx512bf16", "amx-bf16", "bf16")
_BFLOAT16 = "bfloat16"


@dataclasses.dataclass(frozen=True)
class Format:
  """How a weight is stored in one byte.

  Attributes:
    dtype: of the stored values.
    largest: magnitude that the largest weight of a channel is stored as.
  """

  dtype: Any
  largest: float


# Symmetric: -128 has no positive counterpart and is not used.
_FORMATS = {
  names.INT8: Format(jnp.dtype(jnp.int8), 127.0),
  names.FP8: Format(jnp.dtype(jnp.float8_e4m3fn), 448.0),
}
# Dtypes that no checkpoint has weights in.
STORED = tuple(form.dtype for form in _FORMATS.values())


def format_of(dtype: str | None) -> Format | None:
  """Finds the format of a config's dtype.

  Args:
    dtype: one of `names.DTYPES`; None for what is stored.

  Returns:
    The format; None where weights are not quantised.
  """
  return None if dtype is None else _FORMATS.get(dtype)


def activations(
  dtype: str | None, hardware: hardware_lib.Hardware
) -> jnp.dtype | None:
  """Says in what dtype a model has all but its quantised weights.

  Args:
    dtype: one of `names.DTYPES`; None for what is stored.
    hardware: that the programs are for.

  Returns:
    The dtype of norms, biases, scales, activations and caches. Beside quantised
    weights it is bfloat16, but on a CPU float32: there keys and values are
    float32 anyhow, and products of bfloat16 with one column take 13 times as
    long. None where each weight keeps its own.
  """
  if dtype is None:
    return None
  if format_of(dtype) is None:
    return jnp.dtype(dtype)
  return jnp.dtype(jnp.float32 if hardware.is_cpu else jnp.bfloat16)


def fastest(hardware: hardware_lib.Hardware) -> str:
  """Chooses the dtype in which a machine decodes fastest.

  Args:
    hardware: of the machine.

  Returns:
    bfloat16 for accelerators. For one CPU that has AVX-512 VNNI int8, whose
    products took 2 to 5 times less than those of float32; else bfloat16 where
    its processor has units for it, and float32 where it has none: products of
    bfloat16 are then converted, and slower.
  """
  if not hardware.is_cpu:
    return _BFLOAT16
  whole = hardware.data_parts * hardware.model_parts == 1
  if whole and int8_product.is_available():
    return names.INT8
  features = binding.get_host_cpu_features()
  has_units = any(features.get(name, False) for name in _UNITS)
  return _BFLOAT16 if has_units else names.DTYPES[0]


def check(dtype: str | None, mesh: Mesh | None) -> None:
  """Refuses a format that devices have no units for.

  Args:
    dtype: one of `names.DTYPES`; None for what is stored.
    mesh: of `make_mesh`, or with devices that only a compiler knows; None for
      this host's default device.

  Raises:
    ValueError: for fp8 on a GPU before Ada or a TPU before v7. A CPU may: it
      converts, slowly, for tests.
  """
  if dtype != names.FP8:
    return
  device = jax.devices()[0] if mesh is None else mesh.devices.flat[0]
  if not _has_fp8(hardware_lib.of_mesh(mesh), device):
    raise ValueError(
      f"dtype is {names.FP8!r}, but the devices are {device.device_kind}, "
      "which have no units for it; expected NVIDIA GPUs of compute capability "
      f"{'.'.join(map(str, _COMPUTE_CAPABILITY))} or later, or TPU v7. Choose "
      f"{names.INT8!r}, which takes the same memory."
    )


def _has_fp8(hardware: hardware_lib.Hardware, device: Any) -> bool:
  if hardware.is_cpu:
    return True
  if hardware.platform == "tpu":
    return str(device.device_kind).startswith(_TPUS)
  version = str(getattr(device, "compute_capability", "0.0")).split(".")
  return tuple(map(int, version)) >= _COMPUTE_CAPABILITY
