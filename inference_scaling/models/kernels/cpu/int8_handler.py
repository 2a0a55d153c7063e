"""Makes machine code of the product of int8 and registers it with XLA."""

from llvmlite import binding, ir

from inference_scaling.models.kernels.cpu import (
  ffi,
  panels,
  quantising,
  sharing,
)
from inference_scaling.models.kernels.cpu.code import whole

PRODUCT = "inference_scaling_int8_product"
QUANTISE = "inference_scaling_int8_quantise"
# Products below which a second thread is not worth its wait.
_LEAST_SHARED = 1 << 23


@ffi.once
def register() -> binding.ExecutionEngine:
  """Compiles the functions for this machine and makes them known to XLA."""
  module = ir.Module()
  _write_product(module, panels.write(module))
  _write_quantise(module, quantising.write(module))
  return ffi.register(module, (PRODUCT, QUANTISE))


def _write_product(module: ir.Module, product: ir.Function) -> None:
  """Writes the handler of the product."""
  threads = sharing.Sharing(module, product, panels.CHUNK)
  frame = ffi.Frame(module, PRODUCT)
  weights, *others = (frame.argument(i) for i in range(5))
  out = frame.result(0)
  text = frame.text
  rows, inputs = frame.size(weights, 0), frame.size(weights, 1)
  columns = frame.size(out, 1)
  arguments = [
    *(frame.data(buffer) for buffer in (weights, *others, out)),
    inputs, columns,
  ]  # fmt: skip
  products = text.times(text.times(rows, inputs), columns)
  large = text.builder.icmp_signed(">=", products, whole(_LEAST_SHARED))
  with text.builder.if_else(large) as (shared, alone):
    with shared:
      threads.call(text, frame.pointer, rows, arguments)
    with alone:
      text.builder.call(product, [*arguments, whole(0), rows])
  text.builder.ret(ffi.NOTHING)


def _write_quantise(module: ir.Module, quantise: ir.Function) -> None:
  """Writes the handler of what quantises columns."""
  frame = ffi.Frame(module, QUANTISE)
  columns = frame.argument(0)
  buffers = (columns, *(frame.result(i) for i in range(3)))
  frame.text.builder.call(
    quantise,
    [
      *(frame.data(buffer) for buffer in buffers),
      *(frame.size(columns, axis) for axis in range(2)),
    ],
  )
  frame.text.builder.ret(ffi.NOTHING)
