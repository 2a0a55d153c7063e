"""A small and a large language model as one policy, and what each reads."""

import copy
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models, search
from inference_scaling.search.porting import speculative
from tests.decoding import tiny

pytestmark = pytest.mark.usefixtures("quick_compilations")
P, N, DEPTHS = 3, tiny.NUM_BEAMS, 4


@functools.cache
def draft_model():
  config = tiny.config(num_layers=1, hidden_size=16)
  model = models.initial_model(config, tiny.letter_tokenizer(), seed=14)
  params = jax.tree.map(lambda leaf: 1.5 * leaf, model.params)
  return dataclasses.replace(model, params=params)


def _policy(model, **options):
  return decoding.ModelPolicy(
    model, tiny.FORMAT, tiny.LIMITS, N, token_scores=True, **options
  )


def test_a_step_that_is_read_leaves_what_a_written_one_does():
  policy = _policy(tiny.policy_model())
  extend, read = jax.jit(policy.extend), jax.jit(policy.read)
  params = tiny.policy_params()
  keys = [jax.random.split(jax.random.key(i), (P, N)) for i in range(3)]
  state = jax.jit(policy.start)(params, tiny.stack(P))
  everyone = jnp.ones((P, N), bool)
  before, step = extend(params, keys[0], state, everyone)
  running = step.status == search.RUNNING
  some = running & (jnp.arange(N)[None] != 1)
  written, step = extend(params, keys[1], before, some)
  own = read(params, before, step, some)
  for name in ("pending", "automaton", "answered"):
    np.testing.assert_array_equal(getattr(own, name), getattr(written, name))
  np.testing.assert_array_equal(own.cache.lengths, written.cache.lengths)
  tokens = jnp.where(some, step.num_tokens, 0).sum(axis=1)
  assert tokens.any() and not tokens.all()
  np.testing.assert_array_equal(own.counts.decode, before.counts.decode)
  np.testing.assert_array_equal(
    own.counts.prefill, before.counts.prefill + tokens
  )
  np.testing.assert_array_equal(own.counts.attended, written.counts.attended)
  # Both go on in the same way, and so does the beam that read nothing.
  going = running & ((step.status == search.RUNNING) | ~some)
  _, wanted = extend(params, keys[2], written, going)
  _, after = extend(params, keys[2], own, going)
  assert wanted.num_tokens.sum() > 4
  np.testing.assert_array_equal(after.content.tokens, wanted.content.tokens)
  np.testing.assert_allclose(
    after.content.log_probs, wanted.content.log_probs, rtol=1e-4, atol=1e-5
  )


@functools.cache
def _pair(cache="dense"):
  return decoding.speculative_policy(
    _policy(draft_model(), cache=cache),
    _policy(tiny.policy_model(), cache=cache),
    decoding.ModelReward(tiny.reward_model(), tiny.LIMITS, N, cache=cache),
  )


def _params(threshold):
  return search.SpeculativeParams(
    tiny.policy_params().replace(weights=draft_model().params),
    tiny.policy_params(), tiny.reward_model().params, jnp.float32(threshold),
  )  # fmt: skip


def _search(policy, reward, params, reward_params):
  problems = [
    decoding.PromptProblem(i, p) for i, p in enumerate(tiny.prompts(P))
  ]
  finished = decoding.continuous_batching(
    policy, reward, search.rebase(0.2), params, reward_params, problems, 0, 2,
    DEPTHS,
  )  # fmt: skip
  return {one.problem_id: one for one in finished}


@functools.cache
def _run(threshold, cache="dense"):
  return _search(*_pair(cache), _params(threshold), None)


class _Folded(decoding.ModelPolicy):
  """Draws with the keys that a target has."""

  def write(self, params, keys, state, enough):
    fold = jax.vmap(
      jax.vmap(lambda key: jax.random.fold_in(key, speculative.TARGET_STEP))
    )
    return super().write(params, fold(keys), state, enough)


@pytest.mark.parametrize("threshold", [-jnp.inf, jnp.inf])
def test_at_both_ends_the_texts_are_those_of_one_policy(threshold):
  if threshold < 0:
    policy = _policy(draft_model())
    params = _params(0).draft
  else:
    policy = _Folded(
      tiny.policy_model(), tiny.FORMAT, tiny.LIMITS, N, token_scores=True
    )
    params = tiny.policy_params()
  alone = _search(policy, tiny.reward(), params, tiny.reward_model().params)
  for i, one in _run(threshold).items():
    tree = one.tree.replace(contents=one.tree.contents.content)
    jax.tree.map(np.testing.assert_array_equal, tree, alone[i].tree)
    counts, wanted = one.policy_counts, alone[i].policy_counts
    assert isinstance(counts, search.SpeculativeCounts)
    writer = counts.draft if threshold < 0 else counts.target
    assert (writer.decode, writer.prefill, writer.total_attended) == (
      wanted.decode, wanted.prefill, wanted.total_attended
    )  # fmt: skip
    if threshold < 0:
      assert counts.rejected == counts.draft_read == counts.target.decode == 0
      assert counts.reward.decode == alone[i].reward_counts.decode
    else:
      assert counts.rejected == counts.draft.decode > 0
      assert counts.target_read == 0


def _texts(one):
  """Every step of a search: the text before it, its own, and where it is."""
  prompt = list(tiny.prompts(P)[one.problem_id])
  texts = [prompt] * N
  for depth in range(DEPTHS):
    after = list(texts)
    for n in np.flatnonzero(one.tree.active[depth]):
      length = one.tree.num_tokens[depth, n]
      step = one.tree.contents.content.tokens[depth, n, :length].tolist()
      after[n] = texts[n] + step
      yield texts[n], after[n], (depth, n)
    texts = [after[parent] for parent in one.tree.parents[depth]]


@pytest.mark.parametrize("cache", decoding.CACHES)
def test_steps_are_of_the_policy_that_wrote_them_and_scored_as_whole_texts(
  cache,
):
  """By both models and the reward model without any cache."""
  cases = [(one, *text) for one in _run(0.2, cache).values()
           for text in _texts(one)]  # fmt: skip
  texts = [after for _, _, after, _ in cases]
  starts = [len(tiny.prompts(P)[one.problem_id]) for one, *_ in cases]
  rewards = tiny.uncached(
    tiny.reward_model().token_rewards, tiny.reward_model().params, texts, starts
  )
  tables = [
    jax.nn.log_softmax(tiny.uncached(model.logits, model.params, texts))
    for model in (draft_model(), tiny.policy_model())
  ]
  by_target = 0
  for row, (one, before, after, where) in enumerate(cases):
    wanted = [
      sum(table[row, t - 1, after[t]] for t in range(len(before), len(after)))
      for table in tables
    ]
    seen = one.tree.contents.content.log_probs[where]
    fits = np.isclose(seen, wanted, atol=1e-3)
    assert fits.any()
    score = one.tree.scores[where]
    np.testing.assert_allclose(score, rewards[row, len(after) - 1], atol=1e-4)
    if score < 0.2:  # a draft's step would not have been taken
      assert fits[1]
    by_target += fits[1] & ~fits[0]
  assert 0 < by_target < len(cases)
  counts = [one.policy_counts for one in _run(0.2, cache).values()]
  assert all(sum(getattr(c, name) for c in counts) for name in (
    "draft_read", "target_read", "rejected"
  ))  # fmt: skip
  for one, count in zip(_run(0.2, cache).values(), counts, strict=True):
    assert count.decode == count.draft.decode + count.target.decode
    assert count.reward.decode == count.decode
    assert one.tree.num_tokens.sum() == count.decode - count.rejected


def test_models_that_do_not_fit_together_are_refused():
  draft, target = _policy(draft_model()), _policy(tiny.policy_model())
  longer = dataclasses.replace(tiny.LIMITS, step_tokens=7)
  other = decoding.ModelPolicy(tiny.policy_model(), tiny.FORMAT, longer, N)
  with pytest.raises(ValueError, match="the draft's limits are"):
    decoding.speculative_policy(draft, other, tiny.reward())
  thinker = copy.copy(target)
  thinker.thinking = object()
  with pytest.raises(ValueError, match="thinks before it answers"):
    decoding.speculative_policy(draft, thinker, tiny.reward())
  changed = copy.deepcopy(tiny.letter_tokenizer())
  changed.add_tokens(["zz"])
  strange = _policy(dataclasses.replace(draft_model(), tokenizer=changed))
  with pytest.raises(ValueError, match="target policy's tokenizer is not the"):
    decoding.speculative_policy(strange, target, tiny.reward())
