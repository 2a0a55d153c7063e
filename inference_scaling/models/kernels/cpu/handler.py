"""Makes machine code of the product and registers it with XLA.

XLA calls a handler with a frame that holds its arguments; the offsets are those
of the structures in xla/ffi/api/c_api.h, a binary interface that is stable for
a major version.
"""

import ctypes
import functools
import pathlib
import re

import jax
from llvmlite import binding, ir

from inference_scaling.models.kernels.cpu import (
  code,
  panels,
  quantising,
  sharing,
)
from inference_scaling.models.kernels.cpu.code import POINTER, whole

PRODUCT = "inference_scaling_int8_product"
QUANTISE = "inference_scaling_int8_quantise"
# Offsets in an XLA_FFI_CallFrame, an XLA_FFI_Buffer and XLA_FFI_Metadata.
_EXTENSION, _ARGUMENTS, _RESULTS = 8, 72, 112
_DATA, _DIMENSIONS = 24, 40
_KIND, _METADATA, _METADATA_KIND = 8, 24, 1
_ANSWER = (24, 28, 32)  # major and minor version, and traits
_NOTHING = ir.Constant(POINTER, None)  # no error
# Products below which a second thread is not worth its wait.
_LEAST_SHARED = 1 << 23


@functools.cache
def register() -> None:
  """Compiles the functions for this machine and makes them known to XLA."""
  engine = _compiled()
  make = ctypes.pythonapi.PyCapsule_New
  make.restype = ctypes.py_object
  make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
  for name in (PRODUCT, QUANTISE):
    capsule = make(engine.get_function_address(name), None, None)
    jax.ffi.register_ffi_target(name, capsule, platform="cpu")


@functools.cache
def _compiled() -> binding.ExecutionEngine:
  """The machine code; it must live as long as XLA may call it."""
  binding.initialize_native_target()
  binding.initialize_native_asmprinter()
  module = ir.Module()
  _write_product(module, panels.write(module))
  _write_quantise(module, quantising.write(module))
  parsed = binding.parse_assembly(str(module))
  parsed.verify()
  machine = binding.Target.from_default_triple().create_target_machine(
    cpu=binding.get_host_cpu_name(),
    features=binding.get_host_cpu_features().flatten(),
    opt=3,
    jit=True,
  )
  tuning = binding.create_pipeline_tuning_options(speed_level=3)
  passes = binding.create_pass_builder(machine, tuning)
  passes.getModulePassManager().run(parsed, passes)
  engine = binding.create_mcjit_compiler(parsed, machine)
  engine.finalize_object()
  return engine


def _write_product(module: ir.Module, product: ir.Function) -> None:
  """Writes the handler of the product."""
  threads = sharing.Sharing(module, product, panels.CHUNK)
  frame = _Frame(module, PRODUCT)
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
  text.builder.ret(_NOTHING)


def _write_quantise(module: ir.Module, quantise: ir.Function) -> None:
  """Writes the handler of what quantises columns."""
  frame = _Frame(module, QUANTISE)
  columns = frame.argument(0)
  buffers = (columns, *(frame.result(i) for i in range(3)))
  frame.text.builder.call(
    quantise,
    [
      *(frame.data(buffer) for buffer in buffers),
      *(frame.size(columns, axis) for axis in range(2)),
    ],
  )
  frame.text.builder.ret(_NOTHING)


class _Frame:
  """A function that XLA calls, and how it takes its arguments apart.

  Attributes:
    pointer: to the XLA_FFI_CallFrame.
    text: of the function, behind the answer to what XLA asks first.
  """

  def __init__(self, module: ir.Module, name: str):
    kind = ir.FunctionType(POINTER, [POINTER])
    function = ir.Function(module, kind, name)
    (self.pointer,) = function.args
    self.text = code.Code(function)
    builder = self.text.builder
    extension = self._pointer(self.pointer, _EXTENSION)
    with builder.if_then(builder.icmp_unsigned("!=", extension, _NOTHING)):
      kind = self.text.load(extension, whole(_KIND), code.WORD)
      wanted = ir.Constant(code.WORD, _METADATA_KIND)
      with builder.if_then(builder.icmp_signed("==", kind, wanted)):
        metadata = self._pointer(extension, _METADATA)
        for offset, value in zip(_ANSWER, (*_version(), 0), strict=True):
          word = ir.Constant(code.WORD, value)
          self.text.store(word, metadata, whole(offset))
        builder.ret(_NOTHING)

  def argument(self, index: int) -> ir.Value:
    """A buffer that the function reads."""
    return self._pointer(self._pointer(self.pointer, _ARGUMENTS), 8 * index)

  def result(self, index: int) -> ir.Value:
    """A buffer that the function writes."""
    return self._pointer(self._pointer(self.pointer, _RESULTS), 8 * index)

  def data(self, buffer: ir.Value) -> ir.Value:
    """Where the numbers of a buffer begin."""
    return self._pointer(buffer, _DATA)

  def size(self, buffer: ir.Value, axis: int) -> ir.Value:
    """The size of an axis of a buffer."""
    sizes = self._pointer(buffer, _DIMENSIONS)
    return self.text.load(sizes, whole(8 * axis), code.LONG)

  def _pointer(self, base: ir.Value, offset: int) -> ir.Value:
    return self.text.load(base, whole(offset), POINTER)


def _version() -> tuple[int, int]:
  """The version of the interface that this jaxlib speaks, from its header."""
  header = pathlib.Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h"
  text = header.read_text("utf-8")
  numbers = dict(re.findall(r"#define XLA_FFI_API_(M[A-Z]+) (\d+)", text))
  major, minor = int(numbers["MAJOR"]), int(numbers["MINOR"])
  return major, minor
