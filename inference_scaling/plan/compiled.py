"""Programs that XLA has compiled, and what it says of them."""

import contextlib
import dataclasses
import functools
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from inference_scaling.plan.hlo import program as hlo

_USES_CACHE = "jax_enable_compilation_cache"


@dataclasses.dataclass(frozen=True)
class Memory:
  """Bytes of a program on each device, as XLA counts them.

  Attributes:
    arguments: weights and state that it is given.
    output: that it returns.
    temporary: that it takes beside these.
    alias: of the output, what is an argument that was updated in place.
  """

  arguments: int
  output: int
  temporary: int
  alias: int

  @property
  def beside(self) -> int:
    """What it takes beside its arguments."""
    return self.output + self.temporary - self.alias

  @property
  def total(self) -> int:
    """All that it takes."""
    return self.arguments + self.beside


@dataclasses.dataclass(frozen=True, eq=False)
class Compiled:
  """A compiled program.

  Attributes:
    name: of the function, such as "advance".
    bucket: its sizes in words; "" for a program of one size.
    seconds: that compilation took.
    memory: of each device.
    text: of the program.
    formats: layouts and shardings of what it returns, as a pytree.
    xla_bytes: bytes that XLA counts, each loop once; None where it counts none.
  """

  name: str
  bucket: str
  seconds: float
  memory: Memory
  text: str
  formats: Any
  xla_bytes: float | None

  @functools.cached_property
  def module(self) -> hlo.Module:
    """The program, read from its text."""
    return hlo.parse(self.text)


class OutOfMemoryError(ValueError):
  """A program takes more memory than a device has; the message says how much.

  Attributes:
    program: its name.
  """

  def __init__(self, program: str, message: str):
    super().__init__(message)
    self.program = program


def compile_program(
  name: str, lowered: jax.stages.Lowered, bucket: str = ""
) -> Compiled:
  """Compiles a program.

  Args:
    name: of the function.
    lowered: the program, for devices of a target.
    bucket: its sizes in words.

  Returns:
    The compiled program.

  Raises:
    OutOfMemoryError: if XLA says that it does not fit.
  """
  begin = time.monotonic()
  try:
    with _without_cache():
      compiled = lowered.compile()
  except jax.errors.JaxRuntimeError as error:
    if "RESOURCE_EXHAUSTED" not in str(error):
      raise
    raise OutOfMemoryError(name, _reason(str(error))) from error
  seconds = time.monotonic() - begin
  memory = compiled.memory_analysis()
  assert memory is not None
  cost = compiled.cost_analysis() or {}
  return Compiled(
    name=name,
    bucket=bucket,
    seconds=seconds,
    memory=Memory(
      arguments=memory.argument_size_in_bytes,
      output=memory.output_size_in_bytes,
      temporary=memory.temp_size_in_bytes,
      alias=memory.alias_size_in_bytes,
    ),
    text=compiled.as_text() or "",
    formats=compiled.output_formats,
    xla_bytes=cost.get("bytes accessed"),
  )


def held(done: Sequence[Compiled]) -> tuple[int, int, int]:
  """Says what a device holds while a search runs.

  Args:
    done: all programs of the search.

  Returns:
    Bytes of the weights, bytes of the state of all slots, and the most at any
    moment: a program, and what it is not given but stays.
  """
  slots = next(one.memory for one in done if one.name == "empty_slots")
  state, new = slots.output, slots.arguments
  given = [one.memory.arguments for one in done if one.name == "advance"]
  weights = min(given) - state
  beside = {
    "start": state,  # the slots of other problems
    "empty_slots": weights,
    "replace_slot": weights,
    "take_slot": weights + state + new,
    "advance": 0,
  }
  peak = max(one.memory.total + beside[one.name] for one in done)
  return weights, state, peak


@contextlib.contextmanager
def _without_cache() -> Iterator[None]:
  """Compiles anew: what is read from JAX's cache needs a device to be on."""
  before = getattr(jax.config, _USES_CACHE)
  jax.config.update(_USES_CACHE, False)
  compilation_cache.reset_cache()  # else JAX remembers that there is one
  try:
    yield
  finally:
    jax.config.update(_USES_CACHE, before)
    compilation_cache.reset_cache()


def _reason(text: str) -> str:
  """The sentence of XLA's error that tells how much memory is missing."""
  for pattern in (
    r"Used [\d.]+\w? of [\d.]+\w? hbm\.",
    r"the total memory required .*? exceeds available HBM \([\d.]+\w?\)",
  ):
    if match := re.search(pattern, text):
      return match[0].rstrip(".")
  return text.splitlines()[0].removeprefix("RESOURCE_EXHAUSTED: ")
