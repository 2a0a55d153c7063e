"""Writes the steps of beams, as far as one call goes.

Axis letters: P problems in flight, N beams, R rows that the model runs on.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import prompts as prompts_lib
from inference_scaling.decoding.tokens import decode_loop

# Rows are given to waiting beams once one row in this number is free: where
# rows are copied for it, which costs about a token of all rows, and where they
# are not.
_REFILLED, _REFILLED_IN_PLACE = 4, 16


def write(
  loop: decode_loop.DecodeLoop,
  params: state_lib.PolicyParams,
  keys: jax.Array,
  state: state_lib.PolicyState,
  enough: Callable[[jax.Array], jax.Array],
  num_rows: int,
  sizes: sizes_lib.Sizes,
  in_place: bool,
) -> state_lib.PolicyState:
  """Continues the steps, by `sizes.written` tokens a beam at most.

  Where more than R beams of a problem are live, the first of them are written,
  until some of all rows could be taken by others.

  Args:
    loop: of the policy.
    params: weights and sampler.
    keys: as for `ModelPolicy.extend`; those of the steps being written.
    state: the beams.
    enough: from bool[P, N], the beams that are live, to bool[]: whether to stop
      before that.
    num_rows: R.
    sizes: of the policy.
    in_place: likewise.

  Returns:
    The state; steps may be half written.
  """
  live = state.step.live
  weights, prefix = prompts_lib.split(params.weights)
  beam_index = beam_index_lib.ALL
  if num_rows < live.shape[1]:
    beams = beam_index_lib.first_beams(live, num_rows)
    beam_index = beam_index_lib.BeamIndex(None, beams)
  own = {name: getattr(state, name) for name in state_lib.BEAMS}
  begun = decode_loop.DecodeState(
    index=jnp.int32(0),
    rows=state.cache.open_rows(
      beam_index,
      sizes.text,
      sizes.prompt,
      None if loop.model.hardware.is_cpu else sizes.written,
      in_place,
    ).replace(prefix=prefix),
    step=beam_index.take(state.step),
    finite=state.finite,
    counts=state.counts,
    **beam_index.take(own),
  )
  with jax.named_scope("policy_extend"):
    done = loop.run(
      params.replace(weights=weights),
      beam_index.take(keys),
      begun,
      sizes.written,
      _stop(live, beam_index, enough, in_place),
    )
  written = {name: getattr(done, name) for name in state_lib.BEAMS}
  return state.replace(
    cache=state.cache.close_rows(beam_index, done.rows, sizes.written),
    step=beam_index.put(state.step, done.step),
    finite=done.finite,
    row_steps=state.row_steps + done.index * num_rows,
    counts=done.counts,
    **beam_index.put(own, written),
  )


def _stop(
  live: jax.Array,
  beam_index: beam_index_lib.BeamIndex,
  enough: Callable[[jax.Array], jax.Array],
  in_place: bool,
) -> Callable[[jax.Array], jax.Array]:
  """Makes what says, from bool[P, R] of rows that write, whether to stop."""
  part = _REFILLED_IN_PLACE if in_place else _REFILLED

  def stop(rows_live: jax.Array) -> jax.Array:
    now = beam_index.put(live, rows_live)
    if beam_index.beams is None:
      return enough(now)
    return enough(now) | _is_worth_refilling(rows_live, now, part)

  return stop


def _is_worth_refilling(
  rows_live: jax.Array, live: jax.Array, part: int
) -> jax.Array:
  """Returns whether enough rows are idle that waiting beams could take.

  Args:
    rows_live: bool[P, R], rows that still write.
    live: bool[P, N], beams that write or wait for a row.
    part: one row in so many must be.

  Returns:
    bool[].
  """
  idle = (~rows_live).sum(axis=1)
  waiting = live.sum(axis=1) - rows_live.sum(axis=1)
  return part * jnp.minimum(idle, waiting).sum() >= rows_live.size
