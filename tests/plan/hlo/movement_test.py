"""Copies and exchanges, on programs that have known ones."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from inference_scaling import models
from inference_scaling.plan.hlo import movement, program

SHAPE = (512, 1024)
SIZE = 4 * 512 * 1024


def _module(function, *arguments, **options):
  compiled = jax.jit(function, **options).lower(*arguments).compile()
  return program.parse(compiled.as_text())


def _array(shape=SHAPE, dtype=jnp.float32, split=None):
  return jax.ShapeDtypeStruct(shape, dtype, sharding=split)


def test_a_transpose_is_a_copy_and_a_sum_is_none():
  (copy,) = movement.large_copies(_module(jnp.transpose, _array()), SIZE)
  assert copy.bytes == SIZE and not copy.in_loop
  assert not movement.large_copies(_module(lambda x: x.T + x.T, _array()), SIZE)
  assert not movement.large_copies(_module(jnp.transpose, _array()), SIZE + 1)


def test_a_conversion_is_a_copy_of_what_it_makes():
  module = _module(lambda x: x.astype(jnp.float32), _array(dtype=jnp.int8))
  (copy,) = movement.large_copies(module, SIZE)
  assert copy.bytes == SIZE


def test_a_copy_within_a_loop_is_told_apart():
  def run(x, y):
    def turn(carry):
      x, y = carry
      return lax.optimization_barrier(y.T), jnp.sin(x).T

    return lax.while_loop(lambda carry: carry[0][0, 0] < 1, turn, (x, y))

  square = _array((700, 700))
  module = _module(run, square, square)
  copies = movement.large_copies(module, 4 * 700 * 700)
  assert any(copy.in_loop for copy in copies)


def test_what_must_be_kept_is_copied_and_what_is_donated_is_not():
  def update(x, new):
    return lax.dynamic_update_slice(x, new, (5, 0))

  arguments = (_array(), _array((4, 1024)))
  assert movement.large_copies(_module(update, *arguments), SIZE)
  donated = _module(update, *arguments, donate_argnums=0)
  assert not movement.large_copies(donated, SIZE)


def test_exchanges_of_a_mesh():
  mesh = models.make_mesh(2, 4)

  def split(*axes):
    return NamedSharding(mesh, PartitionSpec(*axes))

  module = _module(
    lambda x, w: x @ w,
    _array((16, 256), split=split(None, "model")),
    _array((256, 32), split=split("model", None)),
    out_shardings=split(None, None),
  )
  (one,) = movement.collectives(module, module.entry)
  assert (one.kind, one.devices, one.bytes) == ("all-reduce", 4, 4 * 16 * 32)
  assert one.link_bytes == 2 * 3 / 4 * one.bytes


LINE = """\
ENTRY %main (x: f32[64]) -> f32[64] {{
  %x = f32[64]{{0}} parameter(0)
  ROOT %y = f32[64]{{0}} {opcode}(%x), channel_id=1, {groups}
}}
"""


@pytest.mark.parametrize(
  ("opcode", "groups", "devices", "sent"),
  [
    ("all-reduce", "replica_groups={{0,1,2,3},{4,5,6,7}}", 4, 384),
    ("all-reduce-start", "replica_groups=[2,4]<=[8]", 4, 384),
    (
      "all-reduce",
      "replica_groups=mesh['axis_0'=8,'axis_1'=2] {'axis_0'}", 8, 448,
    ),
    ("all-gather", "replica_groups=[1,8]<=[8]", 8, 7 * 256),
    ("reduce-scatter", "replica_groups=[1,8]<=[8]", 8, 224),
    ("all-to-all", "replica_groups=[1,8]<=[8]", 8, 224),
    ("collective-permute", "source_target_pairs={{0,1},{1,0}}", 2, 256),
    ("all-reduce", "replica_groups={{0}}", 1, 0),
  ],
)  # fmt: skip
def test_what_an_exchange_sends(opcode, groups, devices, sent):
  module = program.parse(LINE.format(opcode=opcode, groups=groups))
  (one,) = movement.collectives(module, "main")
  assert (one.devices, one.link_bytes) == (devices, sent)
