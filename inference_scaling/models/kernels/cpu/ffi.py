"""How XLA calls machine code: frames of arguments, compiling, registering.

XLA calls a handler with a frame that holds its arguments; the offsets are those
of the structures in xla/ffi/api/c_api.h, a binary interface that is stable for
a major version.
"""

import ctypes
import functools
import pathlib
import re
import threading
from collections.abc import Callable, Sequence

import jax
from llvmlite import binding, ir

from inference_scaling.models.kernels.cpu import code
from inference_scaling.models.kernels.cpu.code import POINTER, whole

# Offsets in an XLA_FFI_CallFrame, an XLA_FFI_Buffer and XLA_FFI_Metadata.
_EXTENSION, _ARGUMENTS, _RESULTS = 8, 72, 112
_DATA, _DIMENSIONS = 24, 40
_KIND, _METADATA, _METADATA_KIND = 8, 24, 1
_ANSWER = (24, 28, 32)  # major and minor version, and traits
NOTHING = ir.Constant(POINTER, None)  # no error
_ONE_AT_A_TIME = threading.RLock()


def once(
  make: Callable[..., binding.ExecutionEngine],
) -> Callable[..., binding.ExecutionEngine]:
  """Lets a function run once for the same arguments, whatever threads call it.

  Args:
    make: of arguments that can be hashed; it registers names, which XLA takes
      only once.

  Returns:
    The function.
  """
  made = functools.cache(make)

  @functools.wraps(make)
  def run(*arguments: int) -> binding.ExecutionEngine:
    with _ONE_AT_A_TIME:
      return made(*arguments)

  return run


def register(
  module: ir.Module, names: Sequence[str]
) -> binding.ExecutionEngine:
  """Compiles a module for this machine and makes functions known to XLA.

  Args:
    module: of the functions.
    names: of those that take a frame.

  Returns:
    The machine code; it must live as long as XLA may call it.
  """
  binding.initialize_native_target()
  binding.initialize_native_asmprinter()
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
  make = ctypes.pythonapi.PyCapsule_New
  make.restype = ctypes.py_object
  make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
  for name in names:
    capsule = make(engine.get_function_address(name), None, None)
    jax.ffi.register_ffi_target(name, capsule, platform="cpu")
  return engine


class Frame:
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
    with builder.if_then(builder.icmp_unsigned("!=", extension, NOTHING)):
      kind = self.text.load(extension, whole(_KIND), code.WORD)
      wanted = ir.Constant(code.WORD, _METADATA_KIND)
      with builder.if_then(builder.icmp_signed("==", kind, wanted)):
        metadata = self._pointer(extension, _METADATA)
        for offset, value in zip(_ANSWER, (*version(), 0), strict=True):
          word = ir.Constant(code.WORD, value)
          self.text.store(word, metadata, whole(offset))
        builder.ret(NOTHING)

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


def version() -> tuple[int, int]:
  """The version of the interface that this jaxlib speaks, from its header."""
  header = pathlib.Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h"
  text = header.read_text("utf-8")
  numbers = dict(re.findall(r"#define XLA_FFI_API_(M[A-Z]+) (\d+)", text))
  major, minor = int(numbers["MAJOR"]), int(numbers["MINOR"])
  return major, minor
