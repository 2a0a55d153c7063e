"""Attention to cached keys and values, which are read where they lie.

Products of XLA take rows of one length that lie side by side: the caches of
beams that take turns are copied for them at every turn, and read up to the
longest. Here each query reads the entries of its own row, by index, and no
others.

Axis letters: Q problems and R rows of each, T new tokens, K kv heads, G query
heads of each, H head dim; P problems and N beams of the storage, S entries.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from llvmlite import binding, ir

from inference_scaling.models.kernels.cpu import code, ffi, sharing, softmax
from inference_scaling.models.kernels.cpu.code import LONG, POINTER, WIDTH, WORD

_STEP = 4  # queries that a thread takes at a time


def serves(num_entries: int, head_dim: int) -> bool:
  """Tells whether caches of some form can be read.

  Args:
    num_entries: S.
    head_dim: H.

  Returns:
    Whether both are whole registers.
  """
  return num_entries % WIDTH == 0 and head_dim % WIDTH == 0


def attend(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  rows: jax.Array,
  stops: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Attends to the first entries of some rows of a storage.

  Args:
    queries: float32[Q, R, K, G, T, H], after rotation and scaled.
    keys: float32[P, N, K, H, S], all finite.
    values: float32[P, N, K, S, H], likewise.
    rows: int32[Q, R], the index of each row in the storage, p * N + n.
    stops: int32[Q, R, T], how many entries each token sees.

  Returns:
    A partial softmax: sums float32[Q, R, K, G, T, H] of values, each times
    exp(score - peak); peaks and totals float32[Q, R, K, G, T]. Of no entries
    the peak is far below any score and all else 0.
  """
  Q, R, K, G, T, H = queries.shape
  _register(G, H)
  call = jax.ffi.ffi_call(
    _name(G, H),
    (
      jax.ShapeDtypeStruct((Q, R, K, T, G, H), jnp.float32),
      jax.ShapeDtypeStruct((Q, R, K, T, G), jnp.float32),
      jax.ShapeDtypeStruct((Q, R, K, T, G), jnp.float32),
    ),
  )
  queries = queries.astype(jnp.float32).swapaxes(3, 4)
  sums, peaks, totals = call(queries, keys, values, rows, stops)
  return sums.swapaxes(3, 4), peaks.swapaxes(3, 4), totals.swapaxes(3, 4)


def _name(heads: int, head_dim: int) -> str:
  return f"inference_scaling_past_attention_{heads}_{head_dim}"


@functools.cache
def _register(heads: int, head_dim: int) -> binding.ExecutionEngine:
  """Makes the function of G and H known to XLA."""
  module = ir.Module()
  name = _name(heads, head_dim)
  work = _write_queries(module, softmax.write(module, heads, head_dim))
  threads = sharing.Sharing(module, work, _STEP)
  frame = ffi.Frame(module, name)
  text = frame.text
  buffers = [frame.argument(i) for i in range(5)]
  results = [frame.result(i) for i in range(3)]
  queries, keys = buffers[:2]
  sizes = [frame.size(queries, axis) for axis in range(4)]
  entries = frame.size(keys, 4)
  arguments = [*map(frame.data, (*buffers, *results)), entries, *sizes[2:]]
  text_rows = text.times(sizes[0], sizes[1])
  count = text.times(text.times(text_rows, sizes[2]), sizes[3])
  threads.call(text, frame.pointer, count, arguments)
  text.builder.ret(ffi.NOTHING)
  return ffi.register(module, (name,))


def _write_queries(
  module: ir.Module, attention: softmax.Function
) -> ir.Function:
  """Writes what attends some of all queries, by their numbers."""
  pointers = [POINTER] * 8
  kind = ir.FunctionType(ir.VoidType(), pointers + [LONG] * 5)
  function = ir.Function(module, kind, "attend_queries")
  (
    queries, keys, values, rows, stops, sums, peaks, totals,
    entries, kv_heads, tokens, first, count,
  ) = function.args  # fmt: skip
  text = code.Code(function)
  builder = text.builder
  size = attention.heads * attention.head_dim

  def attend(number: Any) -> None:
    token = builder.srem(number, tokens)
    number_of_head = builder.sdiv(number, tokens)
    head = builder.srem(number_of_head, kv_heads)
    row = builder.sdiv(number_of_head, kv_heads)

    def word(pointer: Any, index: Any) -> Any:
      value = text.load(pointer, text.times(index, 4), WORD)
      return builder.sext(value, LONG)

    stored = text.sum(text.times(word(rows, row), kv_heads), head)
    begin = text.times(text.times(stored, entries), 4 * attention.head_dim)
    stop = word(stops, text.sum(text.times(row, tokens), token))

    def at(pointer: Any, index: Any, width: int) -> Any:
      return builder.gep(pointer, [text.times(index, 4 * width)])

    builder.call(
      attention.function,
      [
        at(queries, number, size), builder.gep(keys, [begin]),
        builder.gep(values, [begin]), at(sums, number, size),
        at(peaks, number, attention.heads), at(totals, number, attention.heads),
        entries, stop,
      ],
    )  # fmt: skip

  text.loop(first, text.sum(first, count), 1, attend)
  builder.ret_void()
  return function
