"""What a program is for is said by its model, not by the host."""

import dataclasses
import re
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import topologies

from inference_scaling import models
from inference_scaling.models.layers import hardware
from inference_scaling.plan import chips
from tests.models import tiny

CONFIG = dataclasses.replace(tiny.WIDE_HEADS, num_layers=1)
TPU = hardware.Hardware("tpu", 8)
TOKENS = np.zeros((2, 9), np.int32)


def _mesh_of(platform, data, model, kind=""):
  """Stands for a mesh of devices that the host lacks."""
  device = types.SimpleNamespace(platform=platform, device_kind=kind)
  return types.SimpleNamespace(
    devices=np.full((data, model), device),
    shape={"data": data, "model": model},
  )


@pytest.mark.parametrize(
  "platform, name",
  [("cpu", "cpu"), ("tpu", "tpu"), ("gpu", "gpu"), ("cuda", "gpu"),
   ("rocm", "gpu")],
)  # fmt: skip
def test_a_mesh_says_what_a_program_is_for(platform, name):
  result = hardware.of_mesh(_mesh_of(platform, 2, 4, "kind"))
  assert result == hardware.Hardware(name, 8, 2, 4, "kind")
  assert result.is_cpu == (name == "cpu") and not result.lays_out
  one = hardware.of_mesh(_mesh_of(platform, 1, 1))
  assert one.lays_out == (name == "cpu")


def test_without_a_mesh_it_is_for_this_host(tmp_path):
  host = hardware.of_mesh(None)
  assert host == hardware.Hardware("cpu", 8, 1, 1, "cpu")
  model = tiny.make_model(CONFIG, seed=0)
  assert model.hardware == host
  models.save_model(model, tmp_path)
  mesh = models.make_mesh(4, 2)
  loaded = models.load_model(tmp_path, mesh=mesh).hardware
  assert loaded == hardware.Hardware("cpu", 8, 4, 2, "cpu")
  alone = models.make_mesh(1, 1, jax.devices()[:1])
  assert models.load_model(tmp_path, mesh=alone).hardware.lays_out


# By JAX's name: the plan's name of a chip.
_CHIPS = {
  "TPU v5 lite": "v5e",
  "TPU v5": "v5p",
  "TPU v6 lite": "v6e",
  "NVIDIA H200": "h200",
}


@pytest.mark.parametrize("kind", _CHIPS)
def test_a_chip_computes_while_it_reads_what_the_plan_says(kind):
  chip = chips.CHIPS[_CHIPS[kind]]
  used = hardware.Hardware(chip.platform, 1, device_kind=kind)
  np.testing.assert_allclose(
    used.flops_per_byte, chip.rate / chip.bandwidth, rtol=2e-3
  )


def test_an_unknown_chip_is_taken_for_a_middling_one():
  used = hardware.Hardware("tpu", 1, device_kind="TPU v99")
  rates = [
    hardware.Hardware("tpu", 1, device_kind=kind).flops_per_byte
    for kind in _CHIPS
  ]
  assert min(rates) < used.flops_per_byte < max(rates)


def _model(used):
  """A model in bfloat16, that widens on a CPU."""
  model = tiny.make_model(CONFIG, seed=0)
  params = jax.tree.map(lambda leaf: jnp.bfloat16(leaf), model.params)
  return dataclasses.replace(model, params=params, hardware=used)


def _text(model, platform):
  traced = jax.jit(model.logits).trace(model.params, TOKENS)
  return traced.lower(lowering_platforms=(platform,)).as_text()


# A look-up by bits, and a product with the identity.
_OF_CPUS = (
  r"bitcast_convert .*bf16.*ui16",
  r"precision = \[HIGHEST, HIGHEST\]",
)


def test_a_cpu_host_compiles_for_a_tpu_what_a_tpu_is_best_at():
  text = _text(_model(TPU), "tpu")
  for pattern in _OF_CPUS:
    assert not re.search(pattern, text)
  # No weight becomes float32: only what has the axes of 18 tokens does, and
  # the scales of norms.
  widened = re.findall(
    r"convert .*tensor<(\S+)xbf16>\) -> tensor<\S+xf32>", text
  )
  assert widened and set(widened) <= {"24x2x1x9", "24"}


def test_programs_for_cpus_are_as_they_were():
  text = _text(_model(hardware.of_mesh(None)), "cpu")
  for pattern in _OF_CPUS:
    assert re.search(pattern, text)
  same = _model(hardware.of_mesh(models.make_mesh(2, 4)))
  assert _text(same, "cpu") == text


@pytest.mark.parametrize(
  "used, dtype", [(TPU, "bfloat16"), (hardware.of_mesh, "float32")]
)
def test_caches_have_the_dtype_of_the_weights_but_on_cpus(used, dtype):
  model = _model(used if used is TPU else used(None))
  tokens = jax.ShapeDtypeStruct((2, 1, 9), jnp.int32)
  _, kept = jax.eval_shape(model.forward, model.params, tokens, tokens)
  assert {leaf.dtype.name for leaf in jax.tree.leaves(kept)} == {dtype}


def test_a_topology_is_compiled_for_on_a_cpu(monkeypatch):
  pytest.importorskip("libtpu")
  monkeypatch.setenv("TPU_SKIP_MDS_QUERY", "1")
  described = topologies.get_topology_desc(
    platform="tpu", topology_name="v5e:2x4"
  )
  mesh = models.make_mesh(4, 2, described.devices)
  model = _model(hardware.of_mesh(mesh))
  assert model.hardware == hardware.Hardware("tpu", 8, 4, 2, "TPU v5 lite")
  where = models.parameter_shardings(model.params, mesh)
  params = jax.tree.map(
    lambda leaf, layout: jax.ShapeDtypeStruct(
      leaf.shape, leaf.dtype, sharding=layout
    ),
    model.params, where,
  )  # fmt: skip
  text = jax.jit(model.logits).lower(params, TOKENS).as_text()
  for pattern in _OF_CPUS:
    assert not re.search(pattern, text)
