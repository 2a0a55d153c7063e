"""Programs for accelerators: no weight is widened, and half is read."""

import functools

import jax
import jax.numpy as jnp
import pytest

from inference_scaling import models, names
from inference_scaling.models import sharding
from inference_scaling.models.layers import decoder, hardware
from inference_scaling.models.quantisation import formats, modules
from inference_scaling.plan import targets
from inference_scaling.plan.hlo import program, traffic
from tests.decoding import tiny
from tests.plan import small

# Every part of a weight is larger than any activations of 4 tokens.
CONFIG = tiny.config(
  vocab_size=4096, hidden_size=512, intermediate_size=2048, num_layers=2,
  num_heads=8, num_kv_heads=8, head_dim=64,
)  # fmt: skip
TARGETS = {"v5e:2x4": "tpu", "h200": "gpu"}
LEAST = {"v5e:2x4": 512 * 512 // 8, "h200": 512 * 512}  # weights of a device
on_targets = pytest.mark.parametrize(
  "name",
  [
    pytest.param(name, marks=small.needs(platform))
    for name, platform in TARGETS.items()
  ],
)


@functools.cache
def compiled(name, dtype):
  """The logits of 4 tokens."""
  devices = targets.devices(targets.parse(name))
  mesh = models.make_mesh(1, len(devices), devices)
  graph, shapes = modules.shapes(
    lambda: decoder.Decoder(CONFIG, decoder.OneKey()), dtype
  )
  used = hardware.of_mesh(mesh)
  stored = formats.STORED

  def shaped(leaf, place):
    kept = leaf.dtype in stored
    cast = leaf.dtype if kept else formats.activations(dtype, used)
    return jax.ShapeDtypeStruct(leaf.shape, cast, sharding=place)

  places = sharding.parameter_shardings(shapes, mesh)
  params = jax.tree.map(shaped, shapes, places)
  model = models.Model(CONFIG, params, None, graph, hardware=used)
  tokens = jax.ShapeDtypeStruct(
    (2, 2), jnp.int32, sharding=sharding.replicated(mesh)
  )
  text = jax.jit(model.logits).lower(params, tokens).compile().as_text()
  return program.parse(text)


def wide(name, dtype):
  """Arrays in memory, as large as a weight's part, of more than a byte each."""
  module = compiled(name, dtype)
  return [
    (one.name, array)
    for _, one in module.walk(module.entry)
    for array in one.arrays
    if array.size >= LEAST[name] and array.bytes > array.size
  ]


@on_targets
@pytest.mark.parametrize("dtype", [names.INT8, names.FP8])
def test_no_program_widens_a_weight(name, dtype):
  assert not wide(name, dtype)
  # What would be found, if there were any.
  assert len(wide(name, "bfloat16")) >= 7 * CONFIG.num_layers


@on_targets
@pytest.mark.parametrize("dtype", [names.INT8, names.FP8])
def test_nearly_half_of_the_bytes_are_moved(name, dtype):
  moved = {
    kind: traffic.hbm_bytes(module, module.entry)
    for kind, module in (
      (kind, compiled(name, kind)) for kind in (dtype, "bfloat16")
    )
  }
  assert moved["bfloat16"] > 1.6 * moved[dtype]
