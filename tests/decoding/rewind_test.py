"""Steps that are taken back, alone and in searches that look ahead."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.search import sampling
from tests.decoding import tiny

DEPTH = 3


def _same(one, other):
  jax.tree.map(np.testing.assert_array_equal, one, other)


def test_beams_go_on_as_if_nothing_had_been():
  """The same steps and scores to the bit, over what was left in the caches."""
  _, extend, _, _, score, _ = tiny.jitted()
  policy, reward = tiny.policy(), tiny.reward()
  params, weights = tiny.policy_params(), tiny.reward_model().params
  for depth, entry in enumerate(tiny.grown()):
    active = jnp.array(entry["active"])
    state = policy.rewind(entry["state"], entry["new_state"])
    judged = reward.rewind(entry["judged"], entry["new_judged"])
    _same(state.counts, entry["new_state"].counts)
    _same(state.row_steps, entry["new_state"].row_steps)
    _same(judged.counts, entry["new_judged"].counts)
    assert (state.counts.decode > entry["state"].counts.decode).any()
    # Other draws than those that were taken back, and the same ones.
    for seed in (depth + 100, depth):
      keys = jax.random.split(jax.random.key(seed), active.shape)
      later, step = extend(params, keys, state, active)
      _, wanted = extend(params, keys, entry["state"], active)
      _same(step, wanted)
      _, scores = score(weights, judged, step, active)
      _, expected = score(weights, entry["judged"], step, active)
      _same(scores, expected)
    _same(step, entry["step"])
    _same(later.pending, entry["new_state"].pending)


def test_faults_are_not_taken_back():
  entry = tiny.grown()[0]
  policy, reward = tiny.policy(), tiny.reward()
  broken = jnp.zeros(3, bool)
  state = entry["new_state"].replace(finite=broken)
  assert not policy.rewind(entry["state"], state).finite.any()
  judged = entry["new_judged"].replace(
    finite=broken, overflow=broken[:, None] + 9
  )
  judged = reward.rewind(entry["judged"], judged)
  assert not judged.finite.any() and (judged.overflow == 9).all()
  nothing = decoding.NoReward(tiny.NUM_BEAMS)
  state = nothing.start(None, tiny.stack(3))
  _same(nothing.rewind(state, state), state)


@pytest.fixture
def quick_compilations():
  """Halves the time of a search; what is asserted does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


def _run(lookahead, temperature):
  prompts = tiny.prompts(3)
  found = decoding.continuous_batching(
    tiny.policy(), tiny.reward(), _strategy(lookahead),
    tiny.policy_params(temperature), tiny.reward_model().params,
    [decoding.PromptProblem(i, prompts[i]) for i in range(3)], 0, 3, DEPTH,
  )  # fmt: skip
  return {one.problem_id: one for one in found}


@functools.cache
def _strategy(lookahead):
  """Sampling reads no scores, so that looking ahead changes no step."""
  return sampling()._replace(lookahead=lookahead)


@pytest.mark.usefixtures("quick_compilations")
@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_looking_ahead_costs_tokens_and_changes_no_step(temperature):
  plain, found = _run(0, temperature), _run(1, temperature)
  for i, one in found.items():
    _same(one.tree, plain[i].tree)
    # A policy computes a token when it draws the next one, a reward model at
    # once: it attends to one position more.
    for name, own in (("policy_counts", 0), ("reward_counts", 1)):
      counts, without = getattr(one, name), getattr(plain[i], name)
      assert counts.prefill == without.prefill
      extra = counts.decode - without.decode
      assert extra > 0
      if temperature == 0:
        # Greedy steps are those that the search makes next.
        assert extra == one.tree.num_tokens[1:].sum()
        prompt = int(counts.prefill) * (int(counts.prefill) + 1) // 2
        first = _first_steps(one, len(tiny.prompts(3)[i]) + own)
        assert counts.total_attended == (
          2 * without.total_attended - prompt - first
        )


def _first_steps(one, begin):
  """Positions that the tokens of first steps attended to."""
  lengths = one.tree.num_tokens[0].tolist()
  return sum(begin + t for length in lengths for t in range(length))
