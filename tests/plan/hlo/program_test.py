"""The reader of compiled programs, on lines whose meaning is known."""

import jax
import jax.numpy as jnp
import pytest

from inference_scaling.plan.hlo import program

TEXT = """\
HloModule jit_f, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

ENTRY %main (x: bf16[3,200], y: s32[]) -> (bf16[3,200], s32[]) {
  %x = bf16[3,200]{1,0:T(8,128)(2,1)} parameter(0)
  %y = s32[]{:T(128)} parameter(1)
  %copy.1 = bf16[3,200]{0,1:T(8,128)(2,1)S(1)} copy(%x), metadata={op_name="jit(f)/go/mul" stack_frame_id=3}
  %pair = (bf16[3,200]{1,0}, /*index=1*/s32[]) call(%copy.1, %y), to_apply=%add
  ROOT %out = (bf16[3,200]{1,0}, s32[]) tuple(%copy.1, %y)
}
"""  # noqa: E501


def test_instructions_are_read():
  module = program.parse(TEXT)
  assert module.entry == "main" and set(module.computations) == {"add", "main"}
  main = module["main"]
  assert list(main.instructions) == ["x", "y", "copy.1", "pair", "out"]
  copy = main.instructions["copy.1"]
  assert (copy.opcode, copy.operands) == ("copy", ("x",))
  assert copy.op_name == "jit(f)/go/mul"
  assert main.root.name == "out" and main.parameter(1).name == "y"
  assert [one.name for one in main.users("copy.1")] == ["pair", "out"]
  pair = main.instructions["pair"]
  assert [one.dims for one in pair.arrays] == [(3, 200), ()]
  assert pair.called == ("add",) and pair.attribute("to_apply") == "add"
  walked = [one.name for _, one in module.walk("main")]
  assert walked == ["x", "y", "copy.1", "pair", "a", "b", "sum", "out"]


def test_a_text_that_is_no_program_is_refused():
  with pytest.raises(ValueError, match="no ENTRY computation"):
    program.parse("module @jit_f {}")


@pytest.mark.parametrize(
  ("shape", "size", "padded", "in_hbm"),
  [
    ("bf16[3,200]{1,0:T(8,128)(2,1)}", 1200, 8 * 256 * 2, True),
    # The other axis is contiguous, and so the one that 128 pads.
    ("bf16[3,200]{0,1:T(8,128)(2,1)S(1)}", 1200, 128 * 200 * 2, False),
    ("f32[4,64]{1,0:T(4,128)}", 1024, 4 * 128 * 4, True),
    ("f32[100]{0:T(256)}", 400, 1024, True),
    ("f32[2,3,5]{2,1,0}", 120, 120, True),
    ("pred[7]", 7, 7, True),
    ("s4[6]{0:T(1024)}", 3, 512, True),
    ("f8e4m3fn[10]{0}", 10, 10, True),
    ("s32[]{:T(128)}", 4, 4, True),
    ("s32[5]{0:T(128)S(6)}", 20, 512, False),
  ],
)
def test_sizes_of_arrays(shape, size, padded, in_hbm):
  (array,) = program.arrays(shape)
  assert (array.bytes, array.padded_bytes) == (size, padded)
  assert array.in_hbm is in_hbm


def test_what_jax_compiles_is_read_line_by_line():
  compiled = jax.jit(lambda x: jnp.sort(x @ x.T, axis=0).sum()).lower(
    jax.ShapeDtypeStruct((64, 32), jnp.float32)
  )
  text = compiled.compile().as_text()
  module = program.parse(text)
  lines = [line for line in text.splitlines() if line.startswith("  ")]
  read = [
    one for part in module.computations.values() for one in part.instructions
  ]
  assert len(read) == sum(" = " in line for line in lines) > 5
  for part in module.computations.values():
    for one in part.instructions.values():
      assert len(part.operands(one)) == len(one.operands), one
