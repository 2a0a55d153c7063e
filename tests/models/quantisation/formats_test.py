"""Formats, what activations are in, and devices without units for fp8."""

import types

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import models, names
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats


@pytest.mark.parametrize("dtype", models.FLOAT_DTYPES)
@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
def test_other_dtypes_are_of_all(dtype, platform):
  used = hardware.Hardware(platform, 1)
  assert formats.format_of(dtype) is None
  assert formats.activations(dtype, used) == jnp.dtype(dtype)
  assert formats.activations(None, used) is None


@pytest.mark.parametrize("dtype", [names.INT8, names.FP8])
@pytest.mark.parametrize(
  "platform, wanted",
  [("cpu", "float32"), ("gpu", "bfloat16"), ("tpu", "bfloat16")],
)
def test_activations_beside_quantised_weights(dtype, platform, wanted):
  used = hardware.Hardware(platform, 8)
  assert formats.activations(dtype, used) == jnp.dtype(wanted)
  assert formats.format_of(dtype).dtype.itemsize == 1


def mesh_of(platform, kind, **more):
  device = types.SimpleNamespace(platform=platform, device_kind=kind, **more)
  return types.SimpleNamespace(
    devices=np.array([[device]], object), shape={"data": 1, "model": 1}
  )


@pytest.mark.parametrize(
  "mesh",
  [
    mesh_of("tpu", "TPU v5 lite"),
    mesh_of("tpu", "TPU v6 lite"),
    mesh_of("cuda", "NVIDIA A100", compute_capability="8.0"),
    mesh_of("rocm", "MI250"),
  ],
)
def test_fp8_needs_units_and_int8_does_not(mesh):
  kind = mesh.devices[0, 0].device_kind
  with pytest.raises(ValueError, match=f"'fp8'.*{kind}.*8.9.*'int8'"):
    formats.check(names.FP8, mesh)
  formats.check(names.INT8, mesh)


@pytest.mark.parametrize(
  "mesh",
  [
    mesh_of("tpu", "TPU7x"),
    mesh_of("gpu", "NVIDIA L4", compute_capability="8.9"),
    mesh_of("cuda", "NVIDIA H200", compute_capability="9.0"),
    mesh_of("cuda", "NVIDIA B200", compute_capability="10.0"),
    mesh_of("cpu", "cpu"),
    None,
  ],
)
def test_fp8_is_taken_where_there_are_units_and_on_a_cpu(mesh):
  formats.check(names.FP8, mesh)


@pytest.mark.parametrize(
  ("used", "features", "kernel", "dtype"),
  [
    (hardware.Hardware("tpu", 8), [], True, "bfloat16"),
    (hardware.Hardware("gpu", 1), [], False, "bfloat16"),
    (hardware.Hardware("cpu", 1), ["avx512bf16"], True, "int8"),
    (hardware.Hardware("cpu", 1), ["avx512bf16"], False, "bfloat16"),
    (hardware.Hardware("cpu", 1), ["amx-bf16"], False, "bfloat16"),
    (hardware.Hardware("cpu", 1), ["avx2"], False, "float32"),
    (hardware.Hardware("cpu", 2, 2, 1), ["avx2"], True, "float32"),
  ],
)
def test_the_fastest_dtype_goes_by_the_units_of_a_machine(
  used, features, kernel, dtype, monkeypatch
):
  known = dict.fromkeys(features, True)
  monkeypatch.setattr(formats.binding, "get_host_cpu_features", lambda: known)
  monkeypatch.setattr(formats.int8_product, "is_available", lambda: kernel)
  assert formats.fastest(used) == dtype
