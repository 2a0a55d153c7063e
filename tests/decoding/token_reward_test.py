"""Scores that are made of the policy's own probabilities."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, search
from inference_scaling.decoding.tokens import drawing
from tests.decoding import tiny


def _texts_and_starts(entry):
  """Texts after a step, and where the solutions in them begin."""
  prompts = tiny.prompts(3)
  for p, n in zip(*np.nonzero(entry["active"]), strict=True):
    yield (p, n), entry["after"][p][n], len(prompts[p])


@functools.cache
def _by_hand(depth):
  """Both scores after some steps, from the model without a cache, by beam."""
  model, cases = tiny.policy_model(), list(_texts_and_starts(_history()[depth]))
  table = tiny.uncached(model.logits, model.params, [case[1] for case in cases])
  found = {}
  for (beam, text, start), logits in zip(cases, table, strict=True):
    log_probs, certainties = [], []
    for place in range(start, len(text)):
      exponents = np.exp(logits[place - 1].astype(np.float64))
      p = exponents / exponents.sum()
      log_probs.append(np.log(p[text[place]]))
      certainties.append(-np.mean(np.log(len(p) * p)))
    found[beam] = {
      "likelihood": np.exp(np.mean(log_probs)),
      "self_certainty": np.mean(certainties),
    }
  return found


def _history():
  # Drawn at a temperature of 2: scores are those of the model at 1.
  return tiny.grown(2.0)


def _parents(before, after):
  """Which beam each one of the next depth goes on from; any of equals."""
  return np.array(
    [
      [beams.index(text) for text in texts]
      for beams, texts in zip(before["after"], after["before"], strict=True)
    ]
  )


@pytest.mark.parametrize("kind", decoding.TOKEN_SCORES)
def test_scores_are_those_of_the_whole_solution(kind):
  reward = decoding.TokenReward(kind, tiny.NUM_BEAMS)
  state, history = reward.start(None, tiny.stack(3)), _history()
  score, seen = jax.jit(reward.score), []
  for depth, entry in enumerate(history):
    before = state
    state, scores = score(None, state, entry["step"], entry["active"])
    for beam, wanted in _by_hand(depth).items():
      np.testing.assert_allclose(scores[beam], wanted[kind], rtol=2e-5)
      seen.append(float(scores[beam]))
    waiting = ~entry["active"]
    np.testing.assert_array_equal(scores[waiting], before.scores[waiting])
    back = reward.rewind(before, state)
    jax.tree.map(np.testing.assert_array_equal, before, back)
    if depth + 1 < len(history):
      parents = _parents(entry, history[depth + 1])
      state = reward.fork(state, jnp.array(parents))
  assert len(set(seen)) > 20 and min(seen) > 0
  assert max(seen) <= 1 or kind == "self_certainty"
  assert state.finite.all() and not state.counts.decode.any()


def _step(log_probs, certainty):
  """One step of one token, of two beams."""
  ones = jnp.ones((1, 2), jnp.int32)
  numbers = (jnp.array([row], jnp.float32) for row in (log_probs, certainty))
  content = decoding.StepTokens(ones[..., None], ones, *numbers)
  return search.Step(0 * ones, ones, content)


@pytest.mark.parametrize("kind", decoding.TOKEN_SCORES)
@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
def test_what_is_not_finite_is_told(kind, bad):
  reward = decoding.TokenReward(kind, 2)
  prompts = decoding.pad_prompt(0, [3], tiny.LIMITS)
  start, step = reward.start(None, prompts), _step([-1.0, bad], [2.0, bad])
  both = jnp.ones((1, 2), bool)
  after, _ = reward.score(None, start, step, both)
  assert not after.finite[0]
  assert not reward.rewind(start, after).finite[0]
  alone, scores = reward.score(None, start, step, both.at[0, 1].set(False))
  assert alone.finite[0] and scores[0, 1] == 0


def test_steps_have_the_statistics_of_every_token():
  model, history, depth = tiny.policy_model(), _history(), 1
  entry = history[depth]
  cases = list(_texts_and_starts(entry))
  table = tiny.uncached(model.logits, model.params, [case[1] for case in cases])
  by_token = jax.tree.map(np.asarray, entry["step"].content.by_token)
  lengths = np.asarray(entry["step"].content.lengths)
  for (beam, text, _), logits in zip(cases, table, strict=True):
    exponents = np.exp(logits.astype(np.float64))
    p = exponents / exponents.sum(axis=-1, keepdims=True)
    count = lengths[beam]
    wanted = []
    for place in range(len(text) - count, len(text)):
      row = np.sort(p[place - 1])[::-1]
      likeliest = -np.log(row[: tiny.CONFIDENCE_TOKENS]).mean()
      own = np.log(p[place - 1][text[place]])
      wanted.append([own, -np.log(len(row) * row).mean(), likeliest])
    made = np.stack([stat[beam] for stat in by_token], axis=-1)
    np.testing.assert_allclose(made[:count], wanted, rtol=2e-5, atol=2e-5)
    assert not made[count:].any()
  waiting = ~entry["active"]
  assert not by_token.confidence[waiting].any()
  assert len(cases) > 5


def test_a_confidence_of_more_tokens_than_there_are_is_of_all():
  logits = jnp.array([[[0.3, -1.0, 2.0]]])
  chosen = jnp.array([[1]])
  whole, more = (drawing.token_stats(logits, chosen, k) for k in (3, 20))
  np.testing.assert_array_equal(whole.confidence, more.confidence)
  np.testing.assert_allclose(
    more.confidence, more.certainty + np.log(3), rtol=1e-6
  )
  assert drawing.token_stats(logits, chosen).confidence is None


def test_the_certainty_of_a_flat_distribution_is_0():
  logits = jnp.log(jnp.array([[[1.0, 1.0, 1.0], [0.25, 0.5, 0.25]]])) + 3.3
  stats = jax.jit(drawing.token_stats)(logits, jnp.array([[0, 1]]))
  assert (stats.certainty >= 0).all()
  # By hand: -(log 3/4 + log 3/2 + log 3/4) / 3.
  wanted = [[0.0, -np.log(27 / 32) / 3]]
  np.testing.assert_allclose(stats.certainty, wanted, atol=1e-6)
  likely = np.log([[1 / 3, 1 / 2]])
  np.testing.assert_allclose(stats.log_probs, likely, atol=1e-6)


def test_another_kind_is_refused():
  with pytest.raises(ValueError, match="kind is 'entropy'; expected one of li"):
    decoding.TokenReward("entropy", 2)


@pytest.fixture
def quick_compilations():
  """Halves the time of a search; what is asserted does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_compilations")
def test_a_search_by_likelihood_needs_no_reward_model():
  reward = decoding.TokenReward("likelihood", tiny.NUM_BEAMS)
  prompts = tiny.prompts(2)
  found = decoding.continuous_batching(
    tiny.policy(), reward, search.rebase(0.1), tiny.policy_params(), None,
    [decoding.PromptProblem(i, prompts[i]) for i in range(2)], 0, 2, 3,
  )  # fmt: skip
  for one in found:
    first = one.tree.contents
    wanted = np.exp(first.log_probs[0] / first.lengths[0])
    np.testing.assert_allclose(one.tree.scores[0], wanted, rtol=1e-5)
    assert one.tree.scores[one.tree.active].max() < 1
    assert one.reward_counts.decode == one.reward_counts.total_attended == 0
    assert one.policy_counts.decode == one.tree.num_tokens.sum()
