"""Attention of a few new tokens to each row's own past, by live lengths.

A product of XLA reads the whole bucket of every row. This kernel for TPU reads
the blocks of entries that hold something: the lengths are known before a block
is fetched, and one that is dead names the last live one again, which Pallas
does not fetch twice. A step of the grid costs about 0.35 us whatever it moves,
so that it takes a block of several rows, each row's where its own length says.

No kernel of a library serves. Paged attention of jax takes pages, all of a head
together, and returns nothing that a merge with other segments could use. That
of tokamax for TPU takes queries by 128, entries before heads, which it turns
around, and a mask that is the same for all rows.

Axis letters: P problems of the cache, Q problems and R rows at hand, K kv
heads, G query heads of each, T new tokens, M = G * T, S entries, H head dim.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from inference_scaling.models.layers import attention

_ENTRIES = 256  # most of a block
_ROWS = 8  # most of a step: each is two more copies to issue
_STEP_BYTES = 1 << 20  # of keys, and as many of values
_MOST_BYTES = 1 << 21  # of a block of one row; VMEM holds four such
MOST_QUERIES = 1024  # of a step, K * M a row: with their results 4 MiB of VMEM


def attend(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  starts: jax.Array,
  stops: jax.Array,
  slots: jax.Array,
  *,
  size: int,
  num_tokens: int,
  interpret: bool = False,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Attends to each row's live entries.

  Args:
    queries: float32[Q, R, K, M, H], scaled; M = (G, T), T the faster.
    keys: [P, R, K, S, H]; what is not live must be finite.
    values: likewise.
    starts: int32[Q, R], the first entry that a row's first token sees; token t
      sees no entry before `starts + t`. At most -T without a window.
    stops: int32[Q, R], live entries of each row.
    slots: int32[Q], which problem of the cache each is.
    size: entries that may be live, of any row.
    num_tokens: T.
    interpret: whether to run it without a TPU, slowly.

  Returns:
    float32: sums of values, weighted by exp(score - peak), [Q, R, K, M, H]; the
    peaks, [Q, R, K, M], far below any score where nothing was seen; and the
    sums of the weights, likewise.
  """
  Q, R, K, M, H = queries.shape
  rows, entries = block_shape(R, K, M, keys.shape[3], H, keys.dtype)
  kernel = functools.partial(
    _attend_block, rows=rows, heads=K, entries=entries, num_tokens=num_tokens
  )
  group = pl.BlockSpec(
    (1, rows, K * M, H), lambda q, g, j, *scalars: (q, g, 0, 0)
  )
  statistic = pl.BlockSpec(
    (1, rows, K * M, 1), lambda q, g, j, *scalars: (q, g, 0, 0)
  )
  cached = [
    pl.BlockSpec((1, 1, K, entries, H), index_map(row, rows, R, entries))
    for row in range(rows)
  ]
  sums, peaks, totals = pl.pallas_call(
    kernel,
    grid_spec=pltpu.PrefetchScalarGridSpec(
      num_scalar_prefetch=3,
      grid=(Q, R // rows, -(-min(size, keys.shape[3]) // entries)),
      in_specs=[group, *cached, *cached],
      out_specs=[group, statistic, statistic],
    ),
    out_shape=[
      jax.ShapeDtypeStruct((Q, R, K * M, width), jnp.float32)
      for width in (H, 1, 1)
    ],
    compiler_params=pltpu.CompilerParams(
      dimension_semantics=("parallel", "parallel", "arbitrary")
    ),
    # Of all entries: XLA plans with what it takes at most.
    cost_estimate=pl.CostEstimate(
      flops=4 * Q * R * K * M * size * H,
      bytes_accessed=2 * Q * R * K * size * H * keys.dtype.itemsize,
      transcendentals=Q * R * K * M * size,
    ),
    name="decode_attention",
    interpret=interpret,
  )(
    slots, starts.reshape(-1), stops.reshape(-1),
    queries.reshape(Q, R, K * M, H), *[keys] * rows, *[values] * rows,
  )  # fmt: skip
  shape = (Q, R, K, M)
  return (sums.reshape(*shape, H), peaks.reshape(shape), totals.reshape(shape))


def block_shape(
  num_rows: int,
  heads: int,
  num_queries: int,
  size: int,
  head_dim: int,
  dtype: jax.typing.DTypeLike,
) -> tuple[int, int]:
  """Says what a step of the grid reads at most.

  Args:
    num_rows: R.
    heads: K of a device.
    num_queries: M; K * M is at most `MOST_QUERIES`.
    size: S.
    head_dim: H.
    dtype: of the cache.

  Returns:
    Rows, a divisor of R, and entries of each, a divisor of S. There is none
    near 256 of some S: steps are small, then, and more.
  """
  entry = heads * head_dim * jnp.dtype(dtype).itemsize
  tile = 32 // jnp.dtype(dtype).itemsize
  most = min(_ENTRIES, _MOST_BYTES // entry)
  entries = _divisor(size, most, tile)
  most = min(
    _ROWS,
    _STEP_BYTES // (entry * entries),
    MOST_QUERIES // (heads * num_queries),
  )
  return _divisor(num_rows, most), entries


def _divisor(number: int, most: int, multiple: int = 1) -> int:
  """The largest divisor up to `most`; the number itself if there is none."""
  divisors = range(multiple, min(number, most) + 1, multiple)
  fitting = [i for i in divisors if number % i == 0]
  return max(fitting, default=1 if multiple == 1 else number)


def _live_blocks(start: Any, stop: Any, entries: int) -> tuple[Any, Any]:
  """The first and the last block of a row that hold live entries."""
  # Not `//`, which floors: Mosaic would ask which TPU the host has for it.
  last = lax.div(jnp.maximum(stop - 1, 0), jnp.int32(entries))
  first = lax.div(jnp.maximum(start, 0), jnp.int32(entries))
  return jnp.minimum(first, last), last


def index_map(row: int, rows: int, num_rows: int, entries: int) -> Any:
  """Says where the block of one row of a group lies, for each step.

  Args:
    row: of the group.
    rows: of a group.
    num_rows: R.
    entries: of a block.

  Returns:
    A function of the step and of `slots`, `starts` and `stops`, the last two of
    all rows in a line; it gives the place in [P, R, K, S, H], in blocks. A row
    without live entries has one block, too: there is no way to fetch none.
  """

  def index(q, g, j, slots, starts, stops):
    n = g * rows + row
    at = q * num_rows + n
    first, last = _live_blocks(starts[at], stops[at], entries)
    return slots[q], n, 0, jnp.minimum(first + j, last), 0

  return index


def _attend_block(
  slots: Any,
  starts: Any,
  stops: Any,
  queries: Any,
  *refs: Any,
  rows: int,
  heads: int,
  entries: int,
  num_tokens: int,
) -> None:
  """Adds a block of each row of a group to its sums."""
  del slots
  keys, values = refs[:rows], refs[rows : 2 * rows]
  sums, peaks, totals = refs[2 * rows :]
  step = pl.program_id(2)

  @pl.when(step == 0)
  def _():
    sums[...] = jnp.zeros(sums.shape, jnp.float32)
    peaks[...] = jnp.full(peaks.shape, attention.MASKED_SCORE, jnp.float32)
    totals[...] = jnp.zeros(totals.shape, jnp.float32)

  group = pl.program_id(0) * pl.num_programs(1) + pl.program_id(1)
  for row in range(rows):
    start, stop = starts[group * rows + row], stops[group * rows + row]
    first, last = _live_blocks(start, stop, entries)

    @pl.when((first + step <= last) & (stop > 0))
    def _(row=row, start=start, stop=stop, block=first + step):
      M = queries.shape[2] // heads
      index = block * entries + lax.broadcasted_iota(jnp.int32, (M, entries), 1)
      token = lax.rem(
        lax.broadcasted_iota(jnp.int32, (M, entries), 0), jnp.int32(num_tokens)
      )
      seen = (index >= start + token) & (index < stop)
      for head in range(heads):
        at = (0, row, pl.ds(head * M, M))
        _add(
          queries[at], keys[row][0, 0, head], values[row][0, 0, head], seen,
          [ref.at[at] for ref in (sums, peaks, totals)],
        )  # fmt: skip


def _add(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  seen: jax.Array,
  refs: Sequence[Any],
) -> None:
  """Adds a block of one row and head: queries [M, H], keys [C, H]."""
  sums, peaks, totals = refs
  product = functools.partial(
    lax.dot_general,
    preferred_element_type=jnp.float32,
  )
  scores = product(queries.astype(keys.dtype), keys, (((1,), (1,)), ((), ())))
  scores = jnp.where(seen, scores, attention.MASKED_SCORE)
  before = peaks[...]
  peak = jnp.maximum(before, scores.max(axis=1, keepdims=True))
  # A token may see nothing of a block: exp(0) of masked scores must not count.
  weights = jnp.where(seen, jnp.exp(scores - peak), 0.0)
  shrunk = jnp.exp(before - peak)
  mixed = product(
    weights.astype(values.dtype), values, (((1,), (0,)), ((), ()))
  )
  peaks[...] = peak
  totals[...] = totals[...] * shrunk + weights.sum(axis=1, keepdims=True)
  sums[...] = sums[...] * shrunk + mixed
