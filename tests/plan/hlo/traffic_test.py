"""Bytes through HBM, against counts by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from inference_scaling.plan import chips
from inference_scaling.plan.hlo import program, traffic
from tests.plan import small

KIB = 1024


def _bytes(function, *shapes, device=None, donate=(), dtype=jnp.float32):
  arguments = [
    jax.ShapeDtypeStruct(shape, dtype, sharding=device) for shape in shapes
  ]
  lowered = jax.jit(function, donate_argnums=donate).lower(*arguments)
  module = program.parse(lowered.compile().as_text())
  return traffic.hbm_bytes(module, module.entry)


def test_an_elementwise_program_reads_and_writes_once():
  shape = (256, KIB)
  assert _bytes(lambda x: jnp.sin(x) * 2 + x, shape) == 2 * 4 * 256 * KIB


def test_a_product_reads_both_factors():
  moved = _bytes(lambda x, y: x @ y, (256, 512), (512, 128))
  assert moved == 4 * (256 * 512 + 512 * 128 + 256 * 128)


def test_what_is_sliced_counts_by_the_slice():
  moved = _bytes(lambda x: jnp.sin(x[5:9]), (KIB, KIB))
  assert moved == 2 * 4 * 4 * KIB


def test_what_is_updated_in_place_counts_by_the_update():
  def update(x, new):
    return lax.dynamic_update_slice(x, jnp.sin(new), (5, 0))

  moved = _bytes(update, (KIB, KIB), (4, KIB), donate=0)
  # The new rows are read, and written; perhaps once more in between.
  assert 2 * 4 * 4 * KIB <= moved <= 4 * 4 * 4 * KIB


def test_a_loop_counts_as_often_as_it_runs():
  def run(x):
    return lax.fori_loop(0, 7, lambda i, y: jnp.sin(y) + jnp.float32(i), x)

  once = 2 * 4 * 256 * KIB
  moved = _bytes(run, (256, KIB), donate=0)
  assert 7 * once <= moved <= 9 * once  # and a copy where it begins


TEXT = """\
%fused (a: bf16[64,1024], i: s32[], new: bf16[1,1024]) -> bf16[64,1024] {
  %a = bf16[64,1024]{1,0:T(8,128)(2,1)} parameter(0)
  %i = s32[] parameter(1)
  %new = bf16[1,1024]{1,0:T(2,128)(2,1)} parameter(2)
  %zero = s32[] constant(0)
  ROOT %u = bf16[64,1024]{1,0:T(8,128)(2,1)} dynamic-update-slice(%a, %new, %i, %zero)
}

%rename (b: bf16[64,1024]) -> bf16[64,1024] {
  %b = bf16[64,1024]{1,0:T(8,128)(2,1)} parameter(0)
  ROOT %c = bf16[64,1024]{1,0:T(8,128)(2,1)} bitcast(%b)
}

%part (a: bf16[64,1024], i: s32[]) -> bf16[4,1024] {
  %a = bf16[64,1024]{1,0:T(8,128)(2,1)} parameter(0)
  %inner = bf16[64,1024]{1,0:T(8,128)(2,1)} fusion(%a), kind=kLoop, calls=%rename
  %i = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %s = bf16[4,1024]{1,0:T(4,128)(2,1)S(1)} dynamic-slice(%inner, %i, %zero), dynamic_slice_sizes={4,1024}
}

ENTRY %main (x: bf16[64,1024], w: bf16[512,1024], n: bf16[1,1024], i: s32[]) -> bf16[64,1024] {
  %x = bf16[64,1024]{1,0:T(8,128)(2,1)} parameter(0)
  %w = bf16[512,1024]{1,0:T(8,128)(2,1)} parameter(1)
  %n = bf16[1,1024]{1,0:T(2,128)(2,1)} parameter(2)
  %i = s32[] parameter(3)
  %start = (bf16[512,1024]{1,0:T(8,128)(2,1)S(1)}, bf16[512,1024]{1,0:T(8,128)(2,1)}, u32[]{:S(2)}) copy-start(%w)
  %done = bf16[512,1024]{1,0:T(8,128)(2,1)S(1)} copy-done(%start)
  %some = bf16[4,1024]{1,0:T(4,128)(2,1)S(1)} fusion(%x, %i), kind=kLoop, calls=%part
  %chip = f32[4,512]{1,0:T(4,128)S(1)} convolution(%some, %done), dim_labels=bf_oi->bf
  %out = f32[4,512]{1,0:T(4,128)} copy(%chip)
  ROOT %fusion = bf16[64,1024]{1,0:T(8,128)(2,1)} fusion(%x, %i, %n), kind=kLoop, calls=%fused
}
"""  # noqa: E501


def test_each_kind_of_instruction_by_hand():
  module = program.parse(TEXT)
  moved = {
    one.instruction.name: (one.read, one.written)
    for one in traffic.traffic(module, "main")
  }
  row = 1024 * 2
  assert moved == {
    "start": (512 * row, 0),  # to the chip, where it is read for nothing
    "some": (4 * row, 0),  # a slice, through a fusion that renames
    "out": (0, 4 * 512 * 4),
    "fusion": (2 * row, row),  # one row, which a tile pads to two
  }


@small.needs(chips.TPU)
@pytest.mark.parametrize("rows", [8, 64])
def test_a_layer_on_tpu_reads_its_weights_once(rows):
  device = jax.sharding.SingleDeviceSharding(
    small.mesh_of("v6e:1x1").devices.flat[0]
  )

  def mlp(x, up, down):
    return jnp.maximum(x @ up, 0) @ down

  shapes = ((rows, 2048), (2048, 8192), (8192, 2048))
  moved = _bytes(mlp, *shapes, device=device, dtype=jnp.bfloat16)
  least = 2 * (np.prod(shapes[1]) + np.prod(shapes[2]) + 2 * rows * 2048)
  assert moved == pytest.approx(least, rel=0.01)
