"""Searches whose prompts begin alike are the same, computed once or each."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models
from inference_scaling.decoding.batching import prefixes
from inference_scaling.models.layers import hardware
from inference_scaling.search import rebase
from tests.decoding import tiny
from tests.models import external_models, families
from tests.models import tiny as tiny_models

EXAMPLES = (7, 4, 9, 12, 5)
LIMITS = dataclasses.replace(tiny.LIMITS, prompt_tokens=16)
PREFIX = decoding.Prefix(EXAMPLES)


@pytest.fixture(scope="module", autouse=True)
def quick_compilations():
  """Halves the time of this file; what is asserted here does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


def _problems(count=3, reward_tokens=None):
  return [
    decoding.PromptProblem(i, (*EXAMPLES, *prompt), reward_tokens)
    for i, prompt in enumerate(tiny.prompts(count))
  ]


def _search(models_pair, prefix, mesh=None, cache="dense", rows=None):
  policy_model, reward_model = models_pair
  sizes = (LIMITS, tiny.NUM_BEAMS)
  policy = decoding.ModelPolicy(
    policy_model, tiny.FORMAT, *sizes, rows, cache=cache
  )
  reward = decoding.ModelReward(
    reward_model, *sizes, num_rows=rows, cache=cache
  )
  params = decoding.PolicyParams(policy_model.params, jnp.float32(1.0))
  found = decoding.continuous_batching(
    policy, reward, rebase(0.3), params, reward_model.params, _problems(), 0,
    2, 3, mesh, prefix=prefix,
  )  # fmt: skip
  return {one.problem_id: one for one in found}


@functools.cache
def _whole(name):
  """The searches in which each problem's prompt is computed whole."""
  return _search(_pair("cpu", name), decoding.NO_PREFIX)


def _assert_same(found, theirs):
  """The same tokens, scores up to rounding, and the same cost."""
  assert sorted(found) == sorted(theirs)
  for i, one in found.items():
    tree, same = one.tree, theirs[i].tree
    np.testing.assert_array_equal(tree.contents.tokens, same.contents.tokens)
    np.testing.assert_array_equal(tree.parents, same.parents)
    np.testing.assert_allclose(tree.scores, same.scores, atol=1e-5)
    for counts, others in (
      (one.policy_counts, theirs[i].policy_counts),
      (one.reward_counts, theirs[i].reward_counts),
    ):
      jax.tree.map(np.testing.assert_array_equal, counts, others)


def _pair(platform="cpu", name=None):
  """Models whose windows are shorter than the prefix, where they have any."""
  if name is None:
    pair = tiny.policy_model(), tiny.reward_model()
  else:
    config = dataclasses.replace(
      families.READ[name], vocab_size=len(tiny.letter_tokenizer()),
      eos_token_ids=(1,), bos_token_id=0, sliding_window=4,
    )  # fmt: skip
    tied = dataclasses.replace(config, tie_word_embeddings=True)
    pair = (
      tiny_models.make_model(config, seed=1),
      tiny_models.make_reward_model(tied, seed=2),
    )
  return tuple(
    dataclasses.replace(
      model, tokenizer=tiny.letter_tokenizer(),
      hardware=hardware.Hardware(platform, 1),
    )
    for model in pair
  )  # fmt: skip


@pytest.mark.parametrize(
  ("platform", "cache", "rows", "name"),
  [
    ("cpu", "dense", None, None),
    ("cpu", "tree", 2, None),
    ("tpu", "dense", None, "gemma2"),
    ("gpu", "tree", None, None),
  ],
)
def test_a_prefix_changes_no_search(platform, cache, rows, name):
  pair = _pair(platform, name)
  _assert_same(_search(pair, PREFIX, cache=cache, rows=rows), _whole(name))


def test_a_prefix_changes_no_search_on_a_mesh():
  mesh = models.make_mesh(2, 1, jax.devices()[:2])
  pair = tuple(
    dataclasses.replace(model, hardware=hardware.of_mesh(mesh))
    for model in (tiny.policy_model(), tiny.reward_model())
  )
  _assert_same(_search(pair, PREFIX, mesh), _whole(None))


def test_a_prefix_is_computed_once(monkeypatch):
  """Prompts that are started are no longer than what follows it."""
  started = []
  policy = decoding.ModelPolicy(
    tiny.policy_model(), tiny.FORMAT, LIMITS, tiny.NUM_BEAMS
  )
  monkeypatch.setattr(
    type(policy), "start", _recorded(type(policy).start, started)
  )
  reward = decoding.NoReward(tiny.NUM_BEAMS)
  list(
    decoding.continuous_batching(
      policy, reward, rebase(0.3), tiny.policy_params(), None, _problems(), 0,
      2, 2, prefix=PREFIX,
    )
  )  # fmt: skip
  # One program for all: its weights come with keys and values of the prefix.
  assert [size for _, size in started] == [len(EXAMPLES)]


def _recorded(start, started):
  def run(self, params, prompts):
    layers = params.weights.prefix
    started.append((prompts.tokens.shape, layers[0][1].shape[3]))
    return start(self, params, prompts)

  return run


def test_a_reward_model_with_tokens_of_its_own_has_a_prefix_of_its_own():
  model, tokenizer = external_models.make("llemma"), tiny.letter_tokenizer()
  limits = decoding.Limits(prompt_tokens=96, step_tokens=40, total_tokens=160)
  translator = decoding.Translator(
    tokenizer, len(tokenizer), model.reward_format, limits,
    tuple(tiny.STEP_ENDS), None,
  )  # fmt: skip
  policy = decoding.ModelPolicy(tiny.policy_model(), tiny.FORMAT, LIMITS, 2)
  reward = decoding.ModelReward(model, LIMITS, 2, translator)
  own = tuple(model.reward_format.encode_prompt("What is 2 + 3?"))
  problems = _problems(2, own)

  def run(prefix):
    found = decoding.continuous_batching(
      policy, reward, rebase(0.3), tiny.policy_params(), model.params,
      problems, 0, 2, 3, prefix=prefix,
    )  # fmt: skip
    return {one.problem_id: one for one in found}

  theirs = run(decoding.NO_PREFIX)
  _assert_same(run(decoding.Prefix((), own[:-2])), theirs)
  _assert_same(run(decoding.Prefix(EXAMPLES, own[:3])), theirs)


def test_without_tokens_nothing_is_joined():
  pair = _pair()
  policy = decoding.ModelPolicy(pair[0], tiny.FORMAT, LIMITS, 2)
  given = (tiny.policy_params(), pair[1].params, None)
  reward = decoding.ModelReward(pair[1], LIMITS, 2)
  assert (
    prefixes.join(policy, reward, *given, decoding.NO_PREFIX)[1] is given[1]
  )


def test_a_look_ahead_has_the_prefix_of_its_own_weights():
  model = tiny.policy_model()
  policy = decoding.ModelPolicy(model, tiny.FORMAT, LIMITS, 2)
  params = tiny.policy_params()
  own = params.replace(temperature=jnp.float32(0))
  louder = jax.tree.map(lambda leaf: 2 * leaf, params.weights)
  for ahead in (own, own.replace(weights=louder)):
    joined, _, found = prefixes.join(
      policy, decoding.NoReward(2), params, None, ahead, PREFIX
    )
    assert found.weights.weights is ahead.weights
    same = jax.tree.map(
      np.array_equal, found.weights.prefix, joined.weights.prefix
    )
    assert all(jax.tree.leaves(same)) == (ahead is own)


def test_a_prompt_that_begins_otherwise_is_refused():
  pair = _pair()
  with pytest.raises(ValueError, match="problem 0: its prompt of 6 tokens"):
    _search(pair, decoding.Prefix((3, *EXAMPLES)))


@pytest.mark.parametrize(
  ("rows", "expected"),
  [
    ([(1, 2, 3, 4), (1, 2, 3, 5)], (1, 2, 3)),
    ([(1, 2, 3, 4), (1, 2, 3)], (1, 2)),
    ([(1, 2, 3)], (1, 2)),
    ([(1, 2, 3, 4), (1, 9, 3, 4)], ()),
    ([(4, 2), (1, 9)], ()),
  ],
)
def test_common_prefixes_leave_a_token_to_each_prompt(rows, expected):
  assert decoding.common_prefix(rows, least=2) == expected
