"""Attention to cached keys and values, which are read and grow where they lie.

Products of XLA take rows of one length that lie side by side: the caches of
beams that take turns would be copied for them at every turn, and read up to the
longest; XLA writes new entries number by number, and copies between products.
Here one call does all of a layer. Several rows of a problem read its prompt at
once; then each appends its new keys and values and reads its own, by index and
as far as it goes.

Axis letters: Q problems and R rows of each, B of them at once, T new tokens, K
kv heads, G query heads of each, H head dim; P problems and N beams of the
storage, S entries.
"""

from typing import Any

import jax
import jax.numpy as jnp
from llvmlite import binding, ir

from inference_scaling.models.kernels.cpu import (
  appending,
  code,
  ffi,
  sharing,
  softmax,
)
from inference_scaling.models.kernels.cpu.code import LONG, POINTER, whole

KeysValues = tuple[jax.Array, jax.Array]
# float32[Q, R, K, T, G, H] of values, each times exp(score - peak); peaks and
# totals of exp(score - peak), float32[Q, R, K, T, G].
Sums = tuple[jax.Array, jax.Array, jax.Array]
_STEP = 1  # kv heads of B rows that a thread takes at a time
_INPUTS, _RESULTS = 11, 5


def attend(
  queries: jax.Array,
  new: KeysValues,
  stored: KeysValues,
  rows: jax.Array,
  lengths: jax.Array,
  prompts: KeysValues,
  slots: jax.Array,
  prompt_lengths: jax.Array,
) -> tuple[Sums, KeysValues]:
  """Appends tokens to rows of a storage, and attends to rows and prompts.

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
    prompts: keys float32[P, 1, K, H, S] and values float32[P, 1, K, S, H], all
      finite, of another S.
    slots: int32[Q], which prompt each problem has.
    prompt_lengths: int32[Q], how many of its entries count.

  Returns:
    A softmax over the prompt and over the row's own entries, up to each token
    itself, to be merged with others; and the keys and values of the storage.
  """
  _, R, _, _, G, H = queries.shape
  most = softmax.rows_together(G, H)
  together = max(B for B in range(1, most + 1) if R % B == 0)
  _register(together, G, H)
  shapes = (queries.shape, queries.shape[:-1], queries.shape[:-1])
  call = jax.ffi.ffi_call(
    _name(together, G, H),
    tuple(
      jax.ShapeDtypeStruct(shape, jnp.float32)
      for shape in (*shapes, *(array.shape for array in stored))
    ),
    input_output_aliases={_INPUTS - 2: 3, _INPUTS - 1: 4},
  )
  keys, values = (array.astype(jnp.float32) for array in new)
  sums, peaks, totals, *kept = call(
    queries, keys, values, rows, lengths, *prompts, slots, prompt_lengths,
    *stored,
  )  # fmt: skip
  return (sums, peaks, totals), (kept[0], kept[1])


def _name(together: int, heads: int, head_dim: int) -> str:
  return f"inference_scaling_cached_attention_{together}_{heads}_{head_dim}"


@ffi.once
def _register(
  together: int, heads: int, head_dim: int
) -> binding.ExecutionEngine:
  """Makes the function of B, G and H known to XLA."""
  module = ir.Module()
  name = _name(together, heads, head_dim)
  threads = sharing.Sharing(
    module,
    _write(
      module,
      softmax.write(module, together, heads, head_dim, goes_on=False),
      softmax.write(module, 1, heads, head_dim, goes_on=True),
    ),
    _STEP,
  )
  frame = ffi.Frame(module, name)
  text = frame.text
  buffers = [frame.argument(i) for i in range(_INPUTS)]
  results = [frame.result(i) for i in range(_RESULTS)]
  problems, *sizes = (frame.size(buffers[0], axis) for axis in range(4))
  # The last two inputs are the last two results.
  pointers = [frame.data(buffer) for buffer in (*buffers[:-2], *results)]
  entries = [frame.size(buffers[5], 4), frame.size(buffers[-2], 4)]
  groups = text.builder.sdiv(text.times(problems, sizes[0]), whole(together))
  threads.call(
    text, frame.pointer, text.times(groups, sizes[1]),
    [*pointers, *entries, *sizes],
  )  # fmt: skip
  text.builder.ret(ffi.NOTHING)
  return ffi.register(module, (name,))


def _write(
  module: ir.Module, shared: softmax.Function, own: softmax.Function
) -> ir.Function:
  """Writes what attends for some kv heads of B rows each, by their numbers."""
  pointers = [POINTER] * (_INPUTS - 2 + _RESULTS)
  kind = ir.FunctionType(ir.VoidType(), pointers + [LONG] * 7)
  function = ir.Function(module, kind, "attend_rows")
  (
    queries, new_keys, new_values, rows, lengths, prompt_keys, prompt_values,
    slots, prompt_lengths, *sums, keys, values,
    prompt_entries, entries, num_rows, kv_heads, tokens, first, count,
  ) = function.args  # fmt: skip
  text = code.Code(function)
  groups = text.builder.sdiv(num_rows, whole(shared.rows))
  between = text.times(text.times(kv_heads, tokens), shared.heads)

  def run(number: Any) -> None:
    # Rows come last: those that follow find the prompt at hand.
    left, group = text.divide(number, groups)
    problem, head = text.divide(left, kv_heads)
    row = text.times(problem, num_rows)
    row = text.sum(row, text.times(group, shared.rows))
    prompt = text.times(text.whole(slots, problem), kv_heads)
    prompt = text.sum(prompt, head)
    stop = text.whole(prompt_lengths, problem)

    def attend_prompt(token: Any) -> None:
      query = text.sum(text.times(row, kv_heads), head)
      query = text.sum(text.times(query, tokens), token)
      shared.call(
        text, queries, prompt_keys, prompt_values, sums, query, prompt,
        prompt_entries, stop, between,
      )  # fmt: skip

    def attend_own(member: Any) -> None:
      beam = text.sum(row, member)
      query = text.sum(text.times(beam, kv_heads), head)
      stored = text.times(text.whole(rows, beam), kv_heads)
      stored = text.sum(stored, head)
      length = text.whole(lengths, beam)
      appending.write(
        text, new_keys, new_values, query, tokens, keys, values, stored,
        entries, length, own.head_dim,
      )  # fmt: skip

      def attend(token: Any) -> None:
        stop = text.least(text.sum(length, token, whole(1)), entries)
        own.call(
          text, queries, keys, values, sums,
          text.sum(text.times(query, tokens), token), stored, entries, stop,
          whole(0),
        )  # fmt: skip

      text.loop(whole(0), tokens, 1, attend)

    text.loop(whole(0), tokens, 1, attend_prompt)
    text.loop(whole(0), whole(shared.rows), 1, attend_own)

  text.loop(first, text.sum(first, count), 1, run)
  text.builder.ret_void()
  return function
