"""Scores by the least confident group of tokens, beside plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, search
from inference_scaling.decoding import policy_state
from tests.decoding import tiny


def lowest(values, window, ended):
  """The score of a solution, by its definition."""
  if len(values) < window:
    return np.mean(values) if ended else 0.0
  return min(
    np.mean(values[i : i + window]) for i in range(len(values) - window + 1)
  )


@pytest.mark.parametrize("window", [1, 4, 7, 50])
def test_scores_are_those_of_the_lowest_group_so_far(window):
  reward = decoding.GroupConfidence(window, tiny.NUM_BEAMS)
  history = tiny.grown(2.0)
  state, score = reward.start(None, tiny.stack(3)), jax.jit(reward.score)
  solutions = [[[] for _ in range(tiny.NUM_BEAMS)] for _ in range(3)]
  seen = []
  for depth, entry in enumerate(history):
    before, step = state, entry["step"]
    state, scores = score(None, state, step, entry["active"])
    content = jax.tree.map(np.asarray, step.content)
    for beam in zip(*np.nonzero(entry["active"]), strict=True):
      p, n = beam
      new = content.by_token.confidence[beam][: content.lengths[beam]]
      solutions[p][n] = [*solutions[p][n], *new.tolist()]
      ended = int(step.status[beam]) != search.RUNNING
      wanted = lowest(solutions[p][n], window, ended)
      np.testing.assert_allclose(scores[beam], wanted, rtol=2e-6)
      seen.append((len(solutions[p][n]) >= window, ended))
    waiting = ~entry["active"]
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(state),
                        strict=True):  # fmt: skip
      if old.ndim > 1:
        np.testing.assert_array_equal(old[waiting], new[waiting])
    back = reward.rewind(before, state)
    jax.tree.map(np.testing.assert_array_equal, before, back)
    if depth + 1 < len(history):
      parents = np.array(
        [
          [after.index(text) for text in texts]
          for after, texts in zip(
            entry["after"], history[depth + 1]["before"], strict=True
          )
        ]
      )
      state = reward.fork(state, jnp.array(parents))
      solutions = [
        [beams[i] for i in row]
        for beams, row in zip(solutions, parents, strict=True)
      ]
  assert not state.counts.decode.any() and state.finite.all()
  full = {1: {True}, 50: {False}}.get(window, {True, False})
  assert {one for one, _ in seen} == full


def _step(by_token):
  ones = jnp.ones((1, 2), jnp.int32)
  content = decoding.StepTokens(ones[..., None], ones, by_token=by_token)
  return search.Step(0 * ones, ones, content)


def test_what_is_not_finite_is_told_and_other_steps_are_refused():
  reward = decoding.GroupConfidence(1, 2)
  start = reward.start(None, decoding.pad_prompt(0, [3], tiny.LIMITS))
  stat = jnp.array([[[2.0], [jnp.inf]]])
  step = _step(policy_state.TokenStats(stat, stat, stat))
  both = jnp.ones((1, 2), bool)
  after, _ = reward.score(None, start, step, both)
  assert not after.finite[0] and not reward.rewind(start, after).finite[0]
  with pytest.raises(FloatingPointError, match="confidences of tokens are NaN"):
    reward.check(after.finite[0], "problem 0")
  alone, scores = reward.score(None, start, step, both.at[0, 1].set(False))
  assert alone.finite[0] and scores.tolist() == [[2.0, 0.0]]
  with pytest.raises(ValueError, match="a ModelPolicy with confidence_tokens"):
    reward.score(None, start, _step(None), both)
  with pytest.raises(ValueError, match=r"confidence\.window is 0; expected"):
    decoding.GroupConfidence(0, 2)
