"""Loops of compiled programs: how often they run, and who made them."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from inference_scaling.plan import chips
from inference_scaling.plan.hlo import loops, program
from tests.plan import small


def _module(function, *shapes, device=None):
  arguments = [
    jax.ShapeDtypeStruct(shape, jnp.float32, sharding=device)
    for shape in shapes
  ]
  return program.parse(jax.jit(function).lower(*arguments).compile().as_text())


def _nested(x, most):
  """A loop of 5 turns within one that ends when a sum is large enough."""
  with jax.named_scope("policy_extend"):
    return lax.while_loop(
      lambda carry: carry.sum() < most.sum(),
      lambda carry: lax.fori_loop(
        0, 5, lambda i, y: jnp.sin(y) + jnp.float32(i), carry
      ),
      x,
    )


def test_trip_counts_and_nesting():
  module = _module(_nested, (128,), (1,))
  outer, inner = loops.loops(module)
  assert (outer.trip_count, inner.trip_count) == (None, 5)
  assert outer.within == () and inner.within == (outer.body,)
  assert not outer.is_of_rows and not inner.is_of_rows
  outermost = loops.outermost(module, loops.TOKENS)
  assert outermost is not None and outermost.body == outer.body
  assert loops.outermost(module, loops.SCORES) is None


CONDITION = """\
%cond (p: (s32[], f32[8])) -> pred[] {{
  %p = (s32[], f32[8]) parameter(0)
  %i = s32[] get-tuple-element(%p), index=0
  %most = s32[] constant({most})
  ROOT %go = pred[] {root}
}}

%body (p: (s32[], f32[8])) -> (s32[], f32[8]) {{
  ROOT %p = (s32[], f32[8]) parameter(0)
}}

ENTRY %main (x: (s32[], f32[8])) -> (s32[], f32[8]) {{
  %x = (s32[], f32[8]) parameter(0)
  ROOT %w = (s32[], f32[8]) while(%x), condition=%cond, body=%body, metadata={{op_name="{op_name}"}}{config}
}}
"""  # noqa: E501


@pytest.mark.parametrize(
  ("root", "config", "expected"),
  [
    ("compare(%i, %most), direction=LT", "", 256),
    ("compare(%i, %most), direction=NE", "", None),
    ("and(%i, %most)", "", None),
    ("and(%i, %most)", ', backend_config={"known_trip_count":{"n":"7"}}', 7),
  ],
)
def test_a_trip_count_is_noted_or_compared(root, config, expected):
  text = CONDITION.format(most=256, root=root, op_name="a", config=config)
  (loop,) = loops.loops(program.parse(text))
  assert loop.trip_count == expected


@pytest.mark.parametrize(
  ("op_name", "expected"),
  [
    ("jit(f)/policy_extend/while/body/attention/vmap(vmap())/scatter", True),
    ("jit(f)/policy_extend/while", False),
    ("jit(f)/policy_extend/while/body/dynamic_update_slice", True),
    ("jit(f)/dot_general", False),
  ],
)
def test_loops_over_rows_are_those_that_xla_made(op_name, expected):
  text = CONDITION.format(
    most=4, root="compare(%i, %most), direction=LT", op_name=op_name, config=""
  )
  module = program.parse(text)
  assert bool(loops.row_loops(module)) is expected


@small.needs(chips.TPU)
def test_a_scatter_of_rows_is_a_loop_on_tpu():
  """What the engine avoids: an update of each row at its own place."""
  device = jax.sharding.SingleDeviceSharding(
    small.mesh_of("v5e:1x1").devices.flat[0]
  )

  def update(rows, new, index):
    at = index.astype(jnp.int32)
    return jax.vmap(
      lambda row, value, i: lax.dynamic_update_slice_in_dim(
        row, value[:, None], i, axis=1
      )
    )(rows, new, at)

  def slice_update(rows, new, index):
    at = index[0].astype(jnp.int32)
    return lax.dynamic_update_slice_in_dim(rows, new[:, :, None], at, axis=2)

  shapes = ((96, 256, 512), (96, 256), (96,))
  (loop,) = loops.row_loops(_module(update, *shapes, device=device))
  assert loop.trip_count == 96
  assert not loops.loops(_module(slice_update, *shapes, device=device))
