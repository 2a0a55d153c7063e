"""Attention of rows to what each has of its own, which grows in place.

Products of XLA take rows of one length that lie side by side: the caches of
beams that take turns would be copied for them at every turn, and read up to the
longest; and XLA writes new entries number by number. Here the new keys and
values of a row are written where the row lies in storage, and its queries read
the row by index, as far as it goes.

Axis letters: Q problems and R rows of each, T new tokens, K kv heads, G query
heads of each, H head dim; P problems and N beams of the storage, S entries.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from llvmlite import binding, ir

from inference_scaling.models.kernels.cpu import code, ffi, sharing, softmax
from inference_scaling.models.kernels.cpu.code import (
  FLOATS,
  LONG,
  POINTER,
  WIDTH,
)

KeysValues = tuple[jax.Array, jax.Array]
_STEP = 4  # kv heads of rows that a thread takes at a time


def append_and_attend(
  queries: jax.Array,
  new: KeysValues,
  stored: KeysValues,
  rows: jax.Array,
  lengths: jax.Array,
  begun: softmax.Sums,
) -> tuple[softmax.Sums, KeysValues]:
  """Appends tokens to some rows of a storage and attends to these rows.

  What would pass the end of a row is not written, and the tokens that would
  stand there attend to all of the row.

  Args:
    queries: float32[Q, R, K, T, G, H], after rotation and scaled.
    new: keys float32[Q, R, K, H, T] and values float32[Q, R, K, T, H].
    stored: keys float32[P, N, K, H, S] and values float32[P, N, K, S, H], all
      finite; where nothing else needs them, they are changed in place.
    rows: int32[Q, R], the index of each row in the storage, p * N + n, no two
      the same.
    lengths: int32[Q, R], at which entry the first new token goes.
    begun: a softmax over other entries, which is gone on with.

  Returns:
    The softmax over those and the row's own entries, up to each token itself;
    and the keys and values of the storage.
  """
  _, _, _, _, G, H = queries.shape
  _register(G, H)
  results = (*begun, *stored)
  call = jax.ffi.ffi_call(
    _name(G, H),
    tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in results),
    input_output_aliases={5 + number: number for number in range(5)},
  )
  new_keys, new_values = (x.astype(jnp.float32) for x in new)
  sums, peaks, totals, keys, values = call(
    queries, new_keys, new_values, rows, lengths, *results
  )
  return (sums, peaks, totals), (keys, values)


def _name(heads: int, head_dim: int) -> str:
  return f"inference_scaling_own_attention_{heads}_{head_dim}"


@functools.cache
def _register(heads: int, head_dim: int) -> binding.ExecutionEngine:
  """Makes the function of G and H known to XLA."""
  module = ir.Module()
  name = _name(heads, head_dim)
  attention = softmax.write(module, 1, heads, head_dim, goes_on=True)
  threads = sharing.Sharing(module, _write_rows(module, attention), _STEP)
  frame = ffi.Frame(module, name)
  text = frame.text
  buffers = [frame.argument(i) for i in range(5)]
  results = [frame.result(i) for i in range(5)]
  sizes = [frame.size(buffers[0], axis) for axis in range(4)]
  entries = frame.size(results[3], 4)
  pointers = [frame.data(buffer) for buffer in (*buffers, *results)]
  count = functools.reduce(text.times, sizes[:3])
  threads.call(text, frame.pointer, count, [*pointers, entries, *sizes[2:]])
  text.builder.ret(ffi.NOTHING)
  return ffi.register(module, (name,))


def _write_rows(module: ir.Module, attention: softmax.Function) -> ir.Function:
  """Writes what appends to some kv heads of rows, and attends to them."""
  kind = ir.FunctionType(ir.VoidType(), [POINTER] * 10 + [LONG] * 5)
  function = ir.Function(module, kind, "append_and_attend")
  (
    queries, new_keys, new_values, rows, lengths, *sums, keys, values,
    entries, kv_heads, tokens, first, count,
  ) = function.args  # fmt: skip
  text = code.Code(function)
  head_dim = attention.head_dim

  def run(number: Any) -> None:
    row, head = text.divide(number, kv_heads)
    stored = text.sum(text.times(text.whole(rows, row), kv_heads), head)
    length = text.whole(lengths, row)
    space = text.builder.sub(entries, length)
    written = text.least(space, tokens)
    origin = text.times(text.times(number, tokens), head_dim)
    target = text.times(text.times(stored, entries), head_dim)

    def write_keys(dim: Any, token: Any) -> None:
      start = text.sum(origin, text.times(dim, tokens), token)
      value = text.load(new_keys, text.times(start, 4), code.FLOAT)
      entry = text.sum(target, text.times(dim, entries), length, token)
      text.store(value, keys, text.times(entry, 4))

    def write_values(token: Any) -> None:
      start = text.sum(origin, text.times(token, head_dim))
      entry = text.sum(length, token)
      entry = text.sum(target, text.times(entry, head_dim))
      for vector in range(0, head_dim, WIDTH):
        offset = text.times(text.sum(start, code.whole(vector)), 4)
        value = text.load(new_values, offset, FLOATS)
        offset = text.times(text.sum(entry, code.whole(vector)), 4)
        text.store(value, values, offset)

    def attend(token: Any) -> None:
      query = text.sum(text.times(number, tokens), token)
      stop = text.least(text.sum(length, token, code.whole(1)), entries)
      attention.call(
        text, queries, keys, values, sums, query, stored, entries, stop,
        code.whole(0),
      )  # fmt: skip

    def write_row(dim: Any) -> None:
      text.loop(nothing, written, 1, lambda token: write_keys(dim, token))

    nothing = code.whole(0)
    text.loop(nothing, code.whole(head_dim), 1, write_row)
    text.loop(nothing, written, 1, write_values)
    text.loop(nothing, tokens, 1, attend)

  text.loop(first, text.sum(first, count), 1, run)
  text.builder.ret_void()
  return function
