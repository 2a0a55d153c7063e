"""The kernels compiled for devices that are not there: what they move."""

import dataclasses

import numpy as np
import pytest

from inference_scaling.models import sharding
from inference_scaling.plan import chips
from inference_scaling.plan.hlo import movement
from tests.models.kernels import traffic
from tests.plan import small

SHAPE = traffic.Shape(P=2, N=16, K=8, G=4)
TPU, GPU = small.needs(chips.TPU), small.needs(chips.GPU)
TARGETS = [
  pytest.param("v6e:2x4", (1, 8), marks=TPU, id="v6e"),
  pytest.param("v5e:2x4", (2, 4), marks=TPU, id="v5e"),
  pytest.param("v5p:2x2x1", (1, 4), marks=TPU, id="v5p"),
  pytest.param("h200:1", (1, 1), marks=GPU, id="h200"),
  pytest.param("h200:8", (2, 4), marks=GPU, id="8 h200"),
]


@pytest.mark.parametrize("target,sizes", TARGETS)
@pytest.mark.parametrize("num_tokens", [1, 16])
def test_one_kernel_that_copies_and_gathers_nothing(target, sizes, num_tokens):
  shape = dataclasses.replace(SHAPE, T=num_tokens)
  mesh = small.mesh_of(target, sizes)
  done = traffic.compile_layer("kernel", mesh, shape)
  text = done.text
  calls = ("tpu_custom_call", "__gpu$xla.gpu.triton")
  assert sum(text.count(f'custom_call_target="{call}"') for call in calls) == 1
  parts = mesh.shape[sharding.DATA] * mesh.shape[sharding.MODEL]
  keys = shape.P * shape.N * shape.K * shape.S * shape.H * 2 // parts
  assert movement.large_copies(done.module, keys) == []
  assert movement.collectives(done.module, done.module.entry) == []
  assert done.memory.temporary < keys / 2


@pytest.mark.parametrize("target,sizes", TARGETS)
def test_live_blocks_are_what_a_kernel_moves(target, sizes):
  """Beside these the buffer, once, and results of a fraction of it."""
  random = np.random.default_rng(0)
  stops = random.integers(1, 600, (SHAPE.P, SHAPE.N)).astype(np.int32)
  stops[1] = stops[0]  # as much on each part of the mesh
  mesh = small.mesh_of(target, sizes)
  moved = traffic.layer_bytes("kernel", mesh, SHAPE, stops)
  all_moved = traffic.layer_bytes("einsum", mesh, SHAPE, stops)
  parts = mesh.shape[sharding.DATA] * mesh.shape[sharding.MODEL]
  entry = 4 * SHAPE.H * SHAPE.K / parts
  size = 128 if target.startswith("h200") else 256
  live = entry * (np.ceil(stops / size) * size).sum()
  fresh = entry * traffic.FRESH * stops.size
  assert live < moved < live + 2.5 * fresh
  assert all_moved > entry * SHAPE.S * stops.size > 1.5 * moved
