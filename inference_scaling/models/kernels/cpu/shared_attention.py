"""Attention to what all rows of a problem see: the keys of its prompt.

Entries are read where they lie, as far as they go, for several rows at once.
The rows go on from there with what each has of its own: see `own_attention`.

Axis letters: Q problems and R rows of each, B of them at once, T new tokens, K
kv heads, G query heads of each, H head dim; P prompts of S entries.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from llvmlite import binding, ir

from inference_scaling.models.kernels.cpu import code, ffi, sharing, softmax
from inference_scaling.models.kernels.cpu.code import LONG, POINTER

_STEP = 4  # times B queries, which a thread takes at a time


def attend(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  prompts: jax.Array,
  stops: jax.Array,
) -> softmax.Sums:
  """Attends to the first entries of some prompts.

  Args:
    queries: float32[Q, R, K, T, G, H], after rotation and scaled.
    keys: float32[P, 1, K, H, S], all finite.
    values: float32[P, 1, K, S, H], likewise.
    prompts: int32[Q], the prompt of each problem.
    stops: int32[Q], how many of its entries count.

  Returns:
    A softmax to go on with. Of no entries the peak is far below any score and
    all else 0.
  """
  _, R, _, _, G, H = queries.shape
  most = softmax.rows_together(G, H)
  together = max(B for B in range(1, most + 1) if R % B == 0)
  _register(together, G, H)
  call = jax.ffi.ffi_call(
    _name(together, G, H),
    tuple(
      jax.ShapeDtypeStruct(shape, jnp.float32)
      for shape in softmax.shapes(queries)
    ),
  )
  sums, peaks, totals = call(queries, keys, values, prompts, stops)
  return sums, peaks, totals


def _name(together: int, heads: int, head_dim: int) -> str:
  return f"inference_scaling_shared_attention_{together}_{heads}_{head_dim}"


@functools.cache
def _register(
  together: int, heads: int, head_dim: int
) -> binding.ExecutionEngine:
  """Makes the function of B, G and H known to XLA."""
  module = ir.Module()
  name = _name(together, heads, head_dim)
  attention = softmax.write(module, together, heads, head_dim, goes_on=False)
  threads = sharing.Sharing(module, _write_queries(module, attention), _STEP)
  frame = ffi.Frame(module, name)
  text = frame.text
  buffers = [frame.argument(i) for i in range(5)]
  results = [frame.result(i) for i in range(3)]
  sizes = [frame.size(buffers[0], axis) for axis in range(4)]
  entries = frame.size(buffers[1], 4)
  pointers = [frame.data(buffer) for buffer in (*buffers, *results)]
  count = functools.reduce(text.times, sizes)
  count = text.builder.sdiv(count, code.whole(together))
  threads.call(text, frame.pointer, count, [*pointers, entries, *sizes[1:]])
  text.builder.ret(ffi.NOTHING)
  return ffi.register(module, (name,))


def _write_queries(
  module: ir.Module, attention: softmax.Function
) -> ir.Function:
  """Writes what attends some of all queries, B at a time, by their numbers."""
  kind = ir.FunctionType(ir.VoidType(), [POINTER] * 8 + [LONG] * 6)
  function = ir.Function(module, kind, "attend_queries")
  (
    queries, keys, values, prompts, stops, *sums,
    entries, num_rows, kv_heads, tokens, first, count,
  ) = function.args  # fmt: skip
  text = code.Code(function)
  builder = text.builder
  groups = builder.sdiv(num_rows, code.whole(attention.rows))
  between = text.times(text.times(kv_heads, tokens), attention.heads)

  def attend(number: Any) -> None:
    # Rows come last, as they see the same entries, which are then at hand.
    left, group = text.divide(number, groups)
    left, token = text.divide(left, tokens)
    problem, head = text.divide(left, kv_heads)
    row = text.times(problem, num_rows)
    row = text.sum(row, text.times(group, attention.rows))
    query = text.sum(text.times(row, kv_heads), head)
    query = text.sum(text.times(query, tokens), token)
    prompt = text.whole(prompts, problem)
    stored = text.sum(text.times(prompt, kv_heads), head)
    stop = text.whole(stops, problem)
    attention.call(
      text, queries, keys, values, sums, query, stored, entries, stop, between
    )

  text.loop(first, text.sum(first, count), 1, attend)
  builder.ret_void()
  return function
