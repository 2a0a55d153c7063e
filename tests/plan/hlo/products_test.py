"""Operations of products, against their closed forms."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from inference_scaling.plan import chips
from inference_scaling.plan.hlo import products, program
from tests.plan import small


def _flops(function, *shapes, device=None, dtype=jnp.float32):
  arguments = [
    jax.ShapeDtypeStruct(shape, dtype, sharding=device) for shape in shapes
  ]
  text = jax.jit(function).lower(*arguments).compile().as_text()
  module = program.parse(text)
  return products.flops(module, module.entry)


def _device(name):
  return jax.sharding.SingleDeviceSharding(small.mesh_of(name).devices.flat[0])


DEVICES = [
  pytest.param(lambda: None, id="cpu"),
  pytest.param(lambda: _device("v6e:1x1"), marks=small.needs(chips.TPU)),
  pytest.param(lambda: _device("h200"), marks=small.needs(chips.GPU)),
]


@pytest.mark.parametrize("device", DEVICES)
def test_products_count_two_for_each_factor(device):
  shapes = ((256, 512), (512, 1024))
  counted = _flops(
    lambda x, y: x @ y, *shapes, device=device(), dtype=jnp.bfloat16
  )
  assert counted == 2 * 256 * 512 * 1024


@pytest.mark.parametrize("device", DEVICES)
def test_products_of_a_batch_count_each_of_it(device):
  counted = _flops(
    lambda x, y: jnp.einsum("abqd,abkd->abqk", x, y),
    (3, 4, 128, 256),
    (3, 4, 384, 256),
    device=device(),
    dtype=jnp.bfloat16,
  )
  assert counted == 2 * 3 * 4 * 128 * 384 * 256


def test_a_loop_counts_as_often_as_it_runs():
  def run(x):
    return lax.fori_loop(0, 9, lambda i, y: jnp.sin(y @ x), x)

  assert _flops(run, (64, 64)) == 9 * 2 * 64**3


CONVOLUTION = """\
ENTRY %main (x: f32[2,16,3], k: f32[4,3,5]) -> f32[2,{results},5] {{
  %x = f32[2,16,3]{{2,1,0}} parameter(0)
  %k = f32[4,3,5]{{2,1,0}} parameter(1)
  ROOT %y = f32[2,{results},5]{{2,1,0}} convolution(%x, %k), window={{{window}}}, dim_labels=b0f_0io->b0f
}}
"""  # noqa: E501


@pytest.mark.parametrize(
  ("results", "window", "met"),
  [
    (13, "size=4", 13 * 4),
    (16, "size=4 pad=1_2", 16 * 4 - 1 - 2 - 1),
    (7, "size=4 stride=2", 7 * 4),
    (28, "size=4 lhs_dilate=2", 28 * 2),
    (10, "size=4 rhs_dilate=2", 10 * 4),
  ],
)
def test_a_convolution_counts_what_its_kernel_meets(results, window, met):
  text = CONVOLUTION.format(results=results, window=window)
  module = program.parse(text)
  assert products.flops(module, "main") == 2 * 2 * 3 * 5 * met
