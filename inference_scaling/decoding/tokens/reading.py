"""Puts beams of a policy behind steps that another policy wrote.

Axis letters: P problems in flight, N beams, C tokens of a step's buffer.
"""

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import compute
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import prompts as prompts_lib
from inference_scaling.decoding.tokens import decode_loop, encode_loop
from inference_scaling.search import base


def read(
  loop: decode_loop.DecodeLoop,
  params: state_lib.PolicyParams,
  state: state_lib.PolicyState,
  step: base.Step,
  active: jax.Array,
  sizes: sizes_lib.Sizes,
  in_place: bool,
) -> state_lib.PolicyState:
  """Reads a step of each active beam.

  The cache gets the pending token and all tokens of the step but the last, as
  many as the step has: the last is pending then.

  Args:
    loop: of the policy.
    params: weights; the sampler is not used.
    state: the beams; those that read are at no step.
    step: its content is `StepTokens`, in the policy's own tokens.
    active: bool[P, N]; the others stay as they are.
    sizes: of the policy.
    in_place: likewise.

  Returns:
    The state, in which these tokens are counted as `prefill`.
  """
  model, tokens = loop.model, step.content.tokens
  lengths = jnp.where(active, step.content.lengths, 0)
  before = jnp.concatenate([state.pending[..., None], tokens[..., :-1]], axis=2)
  weights, prefix = prompts_lib.split(params.weights)
  size, buffer = encode_loop.row_sizes(
    model.hardware, sizes.text, lengths.size, tokens.shape[2]
  )
  with jax.named_scope("policy_read"):
    rows = state.cache.open_rows(
      beam_index_lib.ALL, size, sizes.prompt, buffer, in_place
    ).replace(prefix=prefix)
    positions = rows.positions()
    rows = encode_loop.read(model, weights, rows, before, lengths)
  last = jnp.maximum(lengths - 1, 0)[..., None]
  last = jnp.take_along_axis(tokens, last, axis=2)[..., 0]
  automaton, answered = _delimiters(loop, state, tokens, lengths)
  attended = compute.attended(model.config, positions, lengths)
  counts = state.counts.add(jnp.zeros_like(lengths), attended)
  return state.replace(
    cache=state.cache.close_rows(beam_index_lib.ALL, rows, tokens.shape[2]),
    pending=jnp.where(lengths > 0, last, state.pending),
    automaton=automaton,
    answered=answered,
    counts=counts.replace(prefill=counts.prefill + lengths.sum(axis=1)),
  )


def _delimiters(
  loop: decode_loop.DecodeLoop,
  state: state_lib.PolicyState,
  tokens: jax.Array,
  lengths: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """States of the automaton, and whether an answer was marked, [P, N] each."""

  def read_token(
    index: jax.Array, carry: tuple[jax.Array, jax.Array]
  ) -> tuple[jax.Array, jax.Array]:
    automaton, answered = carry
    token = lax.dynamic_index_in_dim(tokens, index, 2, False)
    after, hits = loop.automaton.step(automaton, token)
    going = index < lengths
    marked = going & (hits & loop.format.answer_bits > 0)
    return jnp.where(going, after, automaton), answered | marked

  return lax.fori_loop(
    0, lengths.max(), read_token, (state.automaton, state.answered)
  )
