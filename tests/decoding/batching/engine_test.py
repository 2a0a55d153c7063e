import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import transformers

from inference_scaling import decoding
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import programs as lane_programs
from inference_scaling.search import is_done, rebase
from tests.decoding import tiny

DEPTH, LANES = 3, 5


def _problems(ids):
  prompts = tiny.prompts(max(ids) + 1)
  return [decoding.PromptProblem(i, prompts[i]) for i in ids]


def run(ids, num_slots, temperature=1.0, seed=0, balance=0.3, stats=None):
  """Searches some problems by REBASE; what is found, in the order of ends."""
  finished = decoding.continuous_batching(
    tiny.policy(), tiny.reward(), rebase(balance),
    tiny.policy_params(temperature), tiny.reward_model().params,
    _problems(ids), seed, num_slots, DEPTH, stats=stats,
  )  # fmt: skip
  return {one.problem_id: one for one in finished}


@functools.cache
def _reference():
  return run(tuple(range(7)), LANES)


def _assert_identical(one, other):
  parts = lambda f: (f.tree, f.policy_counts, f.reward_counts)  # noqa: E731
  jax.tree.map(np.testing.assert_array_equal, parts(one), parts(other))


def test_every_problem_is_searched_once_to_its_end():
  found = _reference()
  assert sorted(found) == list(range(7))
  for one in found.values():
    depths = one.tree.active.any(axis=1)
    last = int(np.flatnonzero(depths)[-1])
    ended = one.tree.status[last][one.tree.active[last]]
    assert last == DEPTH - 1 or (ended > 0).all()
    assert one.tree.num_tokens.sum() == one.policy_counts.decode
    assert one.reward_counts.decode == one.policy_counts.decode
    assert one.seconds > 0


@pytest.mark.parametrize(
  "order", [(6, 5, 4, 3, 2, 1, 0), (3, 0, 6, 1, 5, 2, 4)]
)
def test_another_order_gives_the_same_bits(order):
  found = run(order, LANES)
  for problem_id, one in _reference().items():
    _assert_identical(one, found[problem_id])


def test_a_resume_gives_the_same_bits():
  found = run((2, 5, 6), LANES)
  for problem_id, one in found.items():
    _assert_identical(one, _reference()[problem_id])


@pytest.mark.slow
def test_another_number_of_slots_gives_the_same_draws():
  found = run(tuple(range(7)), 2)
  for problem_id, one in _reference().items():
    ours, theirs = one.tree, found[problem_id].tree
    for name in ("parents", "active", "status", "num_tokens"):
      np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.contents.tokens, theirs.contents.tokens)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)


def test_another_seed_gives_other_draws():
  ours = run((0,), LANES)[0].tree.contents.tokens
  theirs = run((0,), LANES, seed=1)[0].tree.contents.tokens
  assert not np.array_equal(ours, theirs)


def test_new_temperatures_and_seeds_compile_nothing():
  _reference()
  programs = (
    lane_programs.start, lane_programs.empty_slots, lane_programs.replace_slot,
    lane_programs.advance,
  )  # fmt: skip
  before = [program._cache_size() for program in programs]
  run((0, 1), LANES, temperature=0.6, seed=4, balance=0.1)
  assert [program._cache_size() for program in programs] == before


@functools.cache
def _started():
  """A problem that has just been started, and the search that it is of."""
  strategy = rebase(0.3)
  search = (
    tiny.policy(), tiny.reward(), strategy.static_part, None,
    tiny.policy_params(), tiny.reward_model().params,
  )  # fmt: skip
  new = lane_programs.start(
    *search[:3], DEPTH, *search[3:], strategy.init(tiny.NUM_BEAMS),
    jax.random.key(0), np.int32(2),
    decoding.pad_prompt(2, tiny.prompts(3)[2], tiny.LIMITS),
  )  # fmt: skip
  return new, search


def _searched_over(stale):
  """Searches in a batch slot whose own caches hold some value, to the end."""
  new, search = _started()
  state = lane_programs.empty_slots(*search[:2], LANES, None, new)
  own = lambda state: (  # noqa: E731
    state.policy_state.cache.own, state.reward_state.cache.own
  )  # fmt: skip
  assert {leaf.shape[:2] for leaf in jax.tree.leaves(own(state))} == {
    (LANES, 4)
  }
  dirty = jax.tree.map(lambda leaf: leaf + stale, own(state))
  state = state.replace(
    policy_state=state.policy_state.replace(
      cache=state.policy_state.cache.replace(own=dirty[0])
    ),
    reward_state=state.reward_state.replace(
      cache=state.reward_state.cache.replace(own=dirty[1])
    ),
  )
  state = lane_programs.replace_slot(None, state, np.int32(1), new)
  for leaf in jax.tree.leaves(own(state)):
    np.testing.assert_array_equal(leaf, stale)
  sizes = (sizes_lib.fitting(tiny.LIMITS, 0, 0, 1),) * 2
  while not is_done(state).all():
    state, _ = lane_programs.advance(*search[:4], sizes, *search[4:], state)
  return jax.device_get(
    lane_programs.take_slot(
      None,
      (state.tree, state.scores, state.policy_state.counts),
      np.int32(1),
    )
  )


def test_what_a_lane_held_before_changes_no_bit():
  new, _ = _started()
  assert new.policy_state.cache.own == new.reward_state.cache.own == ()
  clean = _searched_over(0.0)
  assert clean[0].active[1].any()  # steps are read from the caches
  jax.tree.map(np.testing.assert_array_equal, clean, _searched_over(-3e4))
  # It is masked, not absent: what is not finite would show.
  assert np.isnan(_searched_over(np.nan)[1]).all()


def test_no_problems_give_no_results():
  iterator = decoding.continuous_batching(
    tiny.policy(), tiny.reward(), rebase(), tiny.policy_params(),
    tiny.reward_model().params, [], 0, 2, DEPTH,
  )  # fmt: skip
  assert list(iterator) == []


def test_a_prompt_that_does_not_fit_is_named():
  long = decoding.PromptProblem(41, (3,) * 33)
  with pytest.raises(
    ValueError, match="problem 41: its prompt has 33 tokens; expected 1 to 32"
  ):
    decoding.pad_prompt(long.id, long.tokens, tiny.LIMITS)
  with pytest.raises(
    ValueError, match=r"problem 2.*Raise Limits.prompt_tokens"
  ):
    decoding.pad_prompt(2, (), tiny.LIMITS)


@pytest.mark.parametrize("broken", ["policy", "reward"])
def test_numbers_that_are_not_finite_are_reported(broken):
  params, weights = tiny.policy_params(), tiny.reward_model().params
  poison = functools.partial(jax.tree.map, lambda leaf: leaf * jnp.nan)
  if broken == "policy":
    params = params.replace(weights=poison(params.weights))
  else:
    weights = poison(weights)
  iterator = decoding.continuous_batching(
    tiny.policy(), tiny.reward(), rebase(0.3), params, weights,
    _problems((5,)), 0, LANES, DEPTH,
  )  # fmt: skip
  with pytest.raises(
    FloatingPointError, match=f"problem 5, depth 0: the {broken}.*Check"
  ):
    next(iterator)


def test_two_vocabularies_are_refused():
  other = transformers.PreTrainedTokenizerFast(
    tokenizer_object=tiny.letter_tokenizer().backend_tokenizer
  )
  other.add_tokens(["<extra>"])
  model = tiny.reward_model()
  model = type(model)(model.config, model.params, other, model.graph)
  iterator = decoding.continuous_batching(
    tiny.policy(), decoding.ModelReward(model, tiny.LIMITS, tiny.NUM_BEAMS),
    rebase(), tiny.policy_params(), model.params, _problems((0,)), 0, 1, DEPTH,
  )  # fmt: skip
  with pytest.raises(ValueError, match=r"1 tokens differ.*<extra>"):
    next(iterator)


@functools.cache
def _piecewise():
  """Writes until few beams are live."""
  policy = tiny.policy()

  def write(params, keys, state, few):
    return policy.write(params, keys, state, lambda live: live.sum() <= few)

  return jax.jit(write)


def test_half_written_steps_survive_a_look_ahead_of_others():
  policy, params = tiny.policy(), tiny.policy_params()
  start, extend, *_ = tiny.jitted()
  state, shape = start(params, tiny.stack(3)), (3, tiny.NUM_BEAMS)
  keys = jax.random.split(jax.random.key(3), shape)
  others = jnp.arange(3)[:, None] != jnp.zeros(shape, int)  # all but problem 0
  _, wanted = extend(params, keys, state, others)
  half = _piecewise()(params, keys, policy.begin(state, others), 5)
  assert 0 < half.step.live.sum() <= 5 and half.step.content.lengths.min() == 0
  ahead, made = extend(params, keys, half, ~others)
  assert made.num_tokens[0].all() and not made.num_tokens[1:].any()
  back = policy.rewind(half, ahead)
  jax.tree.map(np.testing.assert_array_equal, back.step, half.step)
  done = _piecewise()(params, keys, back, 0)
  found = policy.finish(done, jnp.array([False, True, True]))[1]
  jax.tree.map(
    lambda a, b: np.testing.assert_array_equal(a[1:], b[1:]), found, wanted
  )
