"""Steps that are interrupted, take turns, or wait while others are written."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding import sizes
from tests.decoding import tiny

SHAPE = (3, tiny.NUM_BEAMS)


def _keys(seed=1):
  return jax.random.split(jax.random.key(seed), SHAPE)


def _entry():
  """Beams after a step and a fork, with caches that hold other texts, too."""
  return tiny.grown()[1]


@functools.cache
def _decode_loop(written=None, num_rows=None, cache="dense"):
  """The policy and its `write`, jitted: stops where `few` rows are live."""
  policy = tiny.policy()
  if num_rows is not None or cache != "dense":
    policy = decoding.ModelPolicy(
      tiny.policy_model(), tiny.FORMAT, tiny.LIMITS, tiny.NUM_BEAMS, num_rows,
      cache=cache, token_scores=True, confidence_tokens=tiny.CONFIDENCE_TOKENS,
    )  # fmt: skip
  if written is not None:
    whole = sizes.whole(tiny.LIMITS)
    policy = policy.sized(
      sizes.Sizes(whole.text, whole.prompt, written, whole.slots)
    )

  def write(params, keys, state, few):
    return policy.write(params, keys, state, lambda live: live.sum() <= few)

  return policy, jax.jit(write)


def _finish(policy, state):
  assert not state.step.live.any()
  return policy.finish(state, jnp.ones(SHAPE[0], bool))


def _beams(state):
  """All that belongs to beams; of caches, what counts."""
  lengths = np.array(state.cache.lengths)
  filled = np.arange(tiny.LIMITS.text_buffer) < lengths[..., None]
  own = [
    (np.where(filled[:, :, None, None], keys, 0),
     np.where(filled[:, :, None, :, None], values, 0))
    for keys, values in state.cache.own
  ]  # fmt: skip
  return (own, lengths, state.pending, state.automaton, state.answered,
          state.step, state.finite, state.counts)  # fmt: skip


def _same(one, other):
  jax.tree.map(np.testing.assert_array_equal, one, other)


# After every token, or whenever so few beams are live.
@pytest.mark.parametrize("written,fews", [(1, []), (None, [11, 8, 8, 5, 2, 1])])
def test_a_step_that_is_interrupted_is_that_of_one_go(written, fews):
  entry = _entry()
  policy, write = _decode_loop(written)
  state = policy.begin(entry["state"], jnp.array(entry["active"]))
  schedule, seen = iter(fews), []
  while state.step.live.any():
    state = write(tiny.policy_params(), _keys(), state, next(schedule, -1))
    seen.append(state.step.content.lengths.tolist())
  assert len({str(lengths) for lengths in seen}) > 2
  state, step = _finish(policy, state)
  _same(step, entry["step"])
  _same(_beams(state), _beams(entry["new_state"]))
  _same(state.row_steps, entry["new_state"].row_steps)


@pytest.mark.parametrize("num_rows", [1, 3])
def test_more_beams_than_rows_take_turns(num_rows):
  entry, active = _entry(), np.array(_entry()["active"])
  assert (active.sum(axis=1) > num_rows).any()
  policy, write = _decode_loop(num_rows=num_rows)
  state = policy.begin(entry["state"], jnp.array(active))
  first = write(tiny.policy_params(), _keys(), state, -1)
  # The first that are live are written to their ends, the others not at all.
  for p, row in enumerate(active):
    turn = np.flatnonzero(row)[:num_rows]
    begun = np.flatnonzero(first.step.content.lengths[p])
    assert begun.tolist() == turn.tolist()
    live = np.flatnonzero(first.step.live[p])
    assert live.tolist() == np.flatnonzero(row)[num_rows:].tolist()
  state, step = jax.jit(policy.extend)(
    tiny.policy_params(), _keys(), entry["state"], jnp.array(active)
  )
  wanted = entry["step"]
  near = functools.partial(np.testing.assert_allclose, rtol=0, atol=2e-5)
  _same((step.status, step.num_tokens), (wanted.status, wanted.num_tokens))
  _same(step.content.tokens, wanted.content.tokens)
  near(step.content.log_probs, wanted.content.log_probs)
  jax.tree.map(near, _beams(state), _beams(entry["new_state"]))


def test_extend_leaves_the_half_written_steps_of_others_alone():
  entry, active = _entry(), np.array(_entry()["active"])
  policy, write = _decode_loop()
  others = active.copy()
  others[1] = False
  state = policy.begin(entry["state"], jnp.array(others))
  few = int(others.sum()) - 1
  half = write(tiny.policy_params(), _keys(), state, few)
  assert half.step.live.any() and half.step.content.lengths.any()
  _, extend, *_ = tiny.jitted()
  after, step = extend(
    tiny.policy_params(), _keys(), half, jnp.array(active & ~others)
  )
  _same(after.step, half.step)
  wanted = entry["step"]
  mine = lambda tree: jax.tree.map(lambda leaf: leaf[1], tree)  # noqa: E731
  _same(mine(step), mine(wanted))
  assert not step.num_tokens[others].any()
  while after.step.live.any():
    after = write(tiny.policy_params(), _keys(), after, -1)
  # Of the finished steps only those that are asked for leave the state.
  ready = jnp.array([True, True, False])
  rest, step = policy.finish(after, ready)
  assert step.num_tokens[2].max() == 0 and rest.step.content.lengths[2].any()
  rest, last = policy.finish(rest, ~ready)
  for p, found in ((0, step), (2, last)):
    _same(
      jax.tree.map(lambda leaf, p=p: leaf[p], found),
      jax.tree.map(lambda leaf, p=p: leaf[p], wanted),
    )
  _same(_beams(rest), _beams(entry["new_state"]))


def test_rows_and_not_tokens_are_what_is_computed():
  entry = _entry()
  before, after = entry["state"], entry["new_state"]
  steps = (after.row_steps - before.row_steps).tolist()
  # All rows of all problems go on for as long as the longest step.
  assert steps == [entry["step"].num_tokens.max() * tiny.NUM_BEAMS] * SHAPE[0]


def test_tokens_are_the_same_where_nobody_asks_for_their_probabilities():
  entry, model = _entry(), tiny.policy_model()
  policy = decoding.ModelPolicy(model, tiny.FORMAT, tiny.LIMITS, tiny.NUM_BEAMS)
  silent = policy.start(tiny.policy_params(), tiny.stack(3)).step
  state = entry["state"].replace(step=silent)
  active = jnp.array(entry["active"])
  _, step = jax.jit(policy.extend)(tiny.policy_params(), _keys(), state, active)
  content = step.content
  assert content.log_probs is content.certainty is content.by_token is None
  _same(step.content.tokens, entry["step"].content.tokens)
  _same(step.status, entry["step"].status)
