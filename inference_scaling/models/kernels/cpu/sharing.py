"""Lets the threads of XLA share the rows of one function.

XLA calls a function on one thread, and runs two such calls of a program in turn
more often than side by side: without this, decoding has one core. Whoever is
free takes the next few rows. The caller waits only for rows that another thread
has already taken, so that a pool whose threads are all busy, or all callers,
still comes to an end. A thread that comes late finds no rows left; what it
reads is freed by the last who lets go of it.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from inference_scaling.models.kernels.cpu import code
from inference_scaling.models.kernels.cpu.code import POINTER, whole

# What the threads share, in bytes from its start.
_NEXT, _DONE, _USERS, _PARTS, _ROWS, _STEP, _ARGUMENTS = range(0, 56, 8)
# Of the interface to XLA: offsets in an XLA_FFI_CallFrame and an XLA_FFI_Api,
# and the words of the arguments of two of its functions.
_API, _CONTEXT = 16, 24
_SCHEDULE, _NUM_THREADS = 136, 144
_SCHEDULE_SIZE, _NUM_THREADS_SIZE = 40, 32
_NOTHING = ir.Constant(POINTER, None)
_NOBODY = ir.VoidType()


class Sharing:
  """The functions by which threads share the rows of one function."""

  def __init__(self, module: ir.Module, work: ir.Function, step: int):
    """Writes them into a module.

    Args:
      module: that they become part of.
      work: a function of pointers and whole numbers, of which the last two are
        the first row and the number of rows.
      step: rows that a thread takes at a time.
    """
    self._work, self._step = work, step
    kinds = work.function_type.args
    assert kinds[-2:] == (code.LONG, code.LONG)
    self._kinds = kinds[:-2]
    allocate = ir.FunctionType(POINTER, [code.LONG])
    self._allocate = ir.Function(module, allocate, "malloc")
    single = ir.FunctionType(_NOBODY, [POINTER])
    self._free = ir.Function(module, single, "free")
    self._take = ir.Function(module, single, f"{work.name}_take")
    self._task = ir.Function(module, single, f"{work.name}_task")
    self._write_take()
    text = code.Code(self._task)
    (shared,) = self._task.args
    text.builder.call(self._take, [shared])
    self._let_go(text, shared)
    text.builder.ret_void()

  def call(
    self, text: code.Code, frame: Any, rows: Any, arguments: Sequence[Any]
  ) -> None:
    """Writes a call of the function for all rows, by all threads.

    Args:
      text: that the call becomes part of.
      frame: the XLA_FFI_CallFrame.
      rows: their number.
      arguments: of the function, without the rows.
    """
    builder = text.builder
    size = _ARGUMENTS + 8 * len(arguments)
    shared = builder.call(self._allocate, [whole(size)])
    parts = text.sum(rows, whole(self._step - 1))
    parts = builder.sdiv(parts, whole(self._step))
    threads = self._threads(text, frame)
    helpers = builder.sub(text.least(threads, parts), whole(1))
    words = {
      _NEXT: whole(0), _DONE: whole(0), _PARTS: parts, _ROWS: rows,
      _USERS: text.sum(helpers, whole(1)), _STEP: whole(self._step),
    }  # fmt: skip
    words |= {_ARGUMENTS + 8 * i: value for i, value in enumerate(arguments)}
    for offset, value in words.items():
      text.store(value, shared, whole(offset))
    text.loop(
      whole(0), helpers, 1, lambda _: self._schedule(text, frame, shared)
    )
    builder.call(self._take, [shared])
    text.wait(shared, _DONE, parts)
    self._let_go(text, shared)

  def _write_take(self) -> None:
    """Writes what takes rows until none are left."""
    text = code.Code(self._take)
    (shared,) = self._take.args
    builder = text.builder
    parts, rows, step = (
      text.load(shared, whole(at), code.LONG) for at in (_PARTS, _ROWS, _STEP)
    )
    arguments = [
      text.load(shared, whole(_ARGUMENTS + 8 * i), kind)
      for i, kind in enumerate(self._kinds)
    ]

    def run(part: Any) -> None:
      first = text.times(part, step)
      count = text.least(step, builder.sub(rows, first))
      builder.call(self._work, [*arguments, first, count])
      text.add(shared, _DONE, 1)

    text.repeat(lambda: text.add(shared, _NEXT, 1), parts, run)
    builder.ret_void()

  def _let_go(self, text: code.Code, shared: Any) -> None:
    """Writes what frees the shared words behind their last user."""
    builder = text.builder
    users = text.add(shared, _USERS, -1)
    with builder.if_then(builder.icmp_signed("==", users, whole(1))):
      builder.call(self._free, [shared])

  def _threads(self, text: code.Code, frame: Any) -> Any:
    """Asks XLA for the number of its threads; at least 1."""
    builder = text.builder
    number = builder.alloca(code.LONG)
    builder.store(whole(1), number)
    word = builder.bitcast(number, POINTER)
    self._ask(text, frame, _NUM_THREADS, _NUM_THREADS_SIZE, [word])
    threads = builder.load(number)
    more = builder.icmp_signed(">", threads, whole(1))
    return builder.select(more, threads, whole(1))

  def _schedule(self, text: code.Code, frame: Any, shared: Any) -> None:
    """Gives a thread of XLA the task; where none takes it, one user less."""
    builder = text.builder
    task = builder.bitcast(self._task, POINTER)
    words = [task, shared]
    error = self._ask(text, frame, _SCHEDULE, _SCHEDULE_SIZE, words)
    with builder.if_then(builder.icmp_unsigned("!=", error, _NOTHING)):
      text.add(shared, _USERS, -1)

  def _ask(
    self, text: code.Code, frame: Any, offset: int, size: int, words: Sequence
  ) -> Any:
    """Calls a function of XLA with a structure of words."""
    api = text.load(frame, whole(_API), POINTER)
    function = text.load(api, whole(offset), POINTER)
    with text.builder.goto_entry_block():
      structure: Any = text.builder.alloca(code.BYTE, size)
      structure.align = 8
    context = text.load(frame, whole(_CONTEXT), POINTER)
    values = [whole(size), _NOTHING, context, *words]
    for i, value in enumerate(values):
      text.store(value, structure, whole(8 * i))
    kind = ir.FunctionType(POINTER, [POINTER]).as_pointer()
    return text.builder.call(text.builder.bitcast(function, kind), [structure])
