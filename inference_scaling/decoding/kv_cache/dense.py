"""Keys and values of all beams in flight, each beam's in its own buffer.

The prompt's keys and values are computed once a problem and shared by its
beams. While a model works it has copies of some beams, as `working_rows.Rows`;
storage is read before and written after, never for every token.

Axis letters: P problems in flight, N beams, Q problems and R active rows, S
entries.
"""

import math
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import working_rows

Layers = working_rows.Layers
BeamIndex = beam_index_lib.BeamIndex

_WINDOW = 128  # entries of a beam that a fork copies at once


class Cache(flax.struct.PyTreeNode):
  """What attention remembers of every beam, in the layout of its segments.

  Attributes:
    prompt: for each layer keys [P, 1, K, H, S] and values [P, 1, K, S, H].
    prompt_lengths: int32[P], how many of them count.
    own: for each layer keys [P, N, K, H, S] and values [P, N, K, S, H] of the
      generated text.
    lengths: int32[P, N], how many of them count.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  lengths: jax.Array

  def open_rows(
    self, beam_index: BeamIndex, size: int, prompt_size: int
  ) -> working_rows.Rows:
    """Copies beams for a model to work on.

    Args:
      beam_index: which beams.
      size: S of the rows; at least what any of them will hold.
      prompt_size: S of the prompts; none is longer.

    Returns:
      The rows.
    """
    return working_rows.Rows(
      prompt=take_prompts(beam_index, self.prompt, prompt_size),
      prompt_lengths=beam_index.problems(self.prompt_lengths),
      own=tuple(
        (
          beam_index.take_window(keys, size, axis=4),
          beam_index.take_window(values, size, axis=3),
        )
        for keys, values in self.own
      ),
      lengths=beam_index.take(self.lengths),
    )

  def close_rows(
    self, beam_index: BeamIndex, rows: working_rows.Rows, width: int
  ) -> "Cache":
    """Stores the tokens of rows that are not stored yet.

    Only a window of `width` entries a row is read and written.

    Args:
      beam_index: as given to `open_rows`.
      rows: as it made them, longer by at most `width` tokens each.
      width: of the window.

    Returns:
      The cache.
    """
    sizes = (self.own[0][0].shape[-1], rows.own[0][0].shape[-1])
    if beam_index.beams is None and sizes[0] == sizes[1]:
      # Rows that are all of the storage were written where they are: nothing
      # is copied, neither here nor when they are opened.
      return self.replace(own=rows.own, lengths=rows.lengths)
    width = min(width, *sizes)
    # A window that would pass the end is moved back over older entries, which
    # are the same on both sides.
    starts = jnp.minimum(beam_index.take(self.lengths), min(sizes) - width)

    def store(old: jax.Array, new: jax.Array, axis: int) -> jax.Array:
      window = take_windows(new, starts, width, axis)
      return beam_index.put_window(old, window, starts, axis)

    own = tuple(
      (store(keys, new_keys, 4), store(values, new_values, 3))
      for (keys, values), (new_keys, new_values) in zip(
        self.own, rows.own, strict=True
      )
    )
    return self.replace(
      own=own, lengths=beam_index.put(self.lengths, rows.lengths)
    )

  def fork(self, parents: jax.Array, num_rows: int, num_slots: int) -> "Cache":
    """Lets beam n go on from beam parents[n] of the same problem.

    Problems of which no beam moves cost nothing. Others are copied window by
    window, as far as the longest goes: a copy of the whole at once would hold
    all of it twice, and most of it is not written yet.

    Args:
      parents: int32[P, N].
      num_rows: where at most so many beams of each problem move, no others are
        copied.
      num_slots: how many problems are copied at once; it divides P.

    Returns:
      The cache of the chosen beams; the prompts stay where they are.
    """
    N = parents.shape[1]
    moved = parents != jnp.arange(N)[None]
    copy = _copier(parents, moved, self.lengths.max())

    def run(beam_index: BeamIndex, own: Layers) -> Layers:
      few = num_rows < N and beam_index.problems(moved).sum(axis=1) <= num_rows
      few = jnp.all(few)
      if num_rows < N:
        own = copy(beam_index, own, num_rows, few)
      return copy(beam_index, own, N, ~few)

    return self.replace(
      own=beam_index_lib.for_problems(
        run, self.own, moved.any(axis=1), num_slots, N
      ),
      lengths=jnp.take_along_axis(self.lengths, parents, axis=1),
    )

  def rewind(self, after: "Cache") -> "Cache":
    """Forgets what was appended.

    Args:
      after: this cache, longer: entries are only ever appended.

    Returns:
      The cache as it was before. Nothing of it needs to have been kept: it is
      still there in `after`, and what stands behind its lengths is masked until
      it is written over.
    """
    return after.replace(lengths=self.lengths)


def compute_prompt(
  model: models.Model, weights: Any, prompts: limits_lib.Prompts, size: int
) -> tuple[jax.Array, Layers]:
  """Runs a model over whole prompts, once a problem.

  Args:
    model: the model.
    weights: its params.
    prompts: P prompts in a bucket of B tokens; what lies behind a prompt's
      end is computed too, and must be masked by whoever attends to it.
    size: S, at least B.

  Returns:
    Hidden states [P, B, D], and for each layer keys [P, 1, K, H, S] and values
    [P, 1, K, S, H], zeros from B on.
  """
  tokens = prompts.tokens[:, None]
  positions = jnp.arange(tokens.shape[-1])[None, None]
  hidden, kept = model.forward(
    weights, tokens, jnp.broadcast_to(positions, tokens.shape)
  )
  extra = size - tokens.shape[-1]

  def widen(array: jax.Array, axis: int) -> jax.Array:
    padding = [(0, 0)] * array.ndim
    padding[axis] = (0, extra)
    return jnp.pad(array, padding) if extra else array

  widened = tuple((widen(keys, 4), widen(values, 3)) for keys, values in kept)
  return hidden[:, 0], widened


def start(
  prompt: Layers, prompt_lengths: jax.Array, num_beams: int, size: int
) -> Cache:
  """Makes a cache that holds only prompts.

  Args:
    prompt: for each layer keys [P, 1, K, H, S] and values [P, 1, K, S, H].
    prompt_lengths: int32[P].
    num_beams: N.
    size: S of the beams' own entries.

  Returns:
    The cache.
  """
  P, _, K, H, _ = prompt[0][0].shape
  keys = jnp.zeros((P, num_beams, K, H, size), prompt[0][0].dtype)
  return Cache(
    prompt=prompt,
    prompt_lengths=prompt_lengths,
    own=tuple((keys, keys.swapaxes(-1, -2)) for _ in prompt),
    lengths=jnp.zeros((P, num_beams), jnp.int32),
  )


def take_prompts(beam_index: BeamIndex, prompt: Layers, size: int) -> Layers:
  """Takes the first entries of the prompts of some problems.

  Args:
    beam_index: which problems.
    prompt: for each layer keys [P, 1, K, H, S] and values [P, 1, K, S, H].
    size: how many entries, at most S.

  Returns:
    Keys [Q, 1, K, H, size] and values [Q, 1, K, size, H].
  """
  return tuple(
    (
      beam_index.problems(lax.slice_in_dim(keys, 0, size, axis=4)),
      beam_index.problems(lax.slice_in_dim(values, 0, size, axis=3)),
    )
    for keys, values in prompt
  )


def take_windows(
  rows: jax.Array, starts: jax.Array, width: int, axis: int
) -> jax.Array:
  """Takes some entries of each row.

  Args:
    rows: [Q, R, ...].
    starts: int32[Q, R], where they begin.
    width: how many.
    axis: of the entries, at least 2.

  Returns:
    [Q, R, ...], `width` along the axis.
  """

  def take(row: jax.Array, begin: jax.Array) -> jax.Array:
    return lax.dynamic_slice_in_dim(row, begin, width, axis - 2)

  return jax.vmap(jax.vmap(take))(rows, starts)


def fork_window(size: int) -> int:
  """Returns how many tokens of the beams' caches a fork copies at once.

  Args:
    size: S of these caches.

  Returns:
    A number that divides it.
  """
  return math.gcd(size, _WINDOW)


def _copier(
  parents: jax.Array, moved: jax.Array, longest: jax.Array
) -> Callable[[BeamIndex, Layers, int, jax.Array], Layers]:
  """Makes `copy(beam_index, own, num_rows, wanted) -> own`.

  It copies the first `num_rows` beams that move, at once for each window, since
  one may move to where another comes from.
  """

  def copy(
    beam_index: BeamIndex, own: Layers, num_rows: int, wanted: jax.Array
  ) -> Layers:
    beams = beam_index_lib.first_beams(beam_index.problems(moved), num_rows)
    targets = BeamIndex(beam_index.slots, beams)
    chosen = jnp.take_along_axis(beam_index.problems(parents), beams, axis=1)
    sources = BeamIndex(beam_index.slots, chosen)
    width = fork_window(own[0][0].shape[-1])

    def copy_part(array: jax.Array, begin: jax.Array, axis: int) -> jax.Array:
      window = lax.dynamic_slice_in_dim(array, begin, width, axis)
      starts = jnp.broadcast_to(begin, beams.shape)
      return targets.put_window(array, sources.take(window), starts, axis)

    def copy_window(carry: tuple[jax.Array, Layers]):
      begin, own = carry
      own = tuple(
        (copy_part(keys, begin, 4), copy_part(values, begin, 3))
        for keys, values in own
      )
      return begin + width, own

    end = jnp.where(wanted, longest, 0)
    return lax.while_loop(
      lambda carry: carry[0] < end, copy_window, (jnp.int32(0), own)
    )[1]

  return copy
