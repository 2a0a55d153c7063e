"""Searches on meshes of 8 devices are those on one device."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from inference_scaling import decoding, models
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import placement
from inference_scaling.decoding.batching import programs as lane_programs
from inference_scaling.models import kv_heads
from inference_scaling.models.layers import decoder, hardware
from inference_scaling.models.rewards import model as reward_model
from inference_scaling.search import beam_search, rebase, sampling
from tests.decoding import tiny

DEPTH, LANES = 3, 4
STRATEGIES = {"rebase": rebase(0.3), "sampling": sampling()}
IDS = tuple(range(6))
SIZES = (sizes_lib.whole(tiny.LIMITS),) * 2


@pytest.fixture(scope="module", autouse=True)
def quick_compilations():
  """Halves the time of this file; what is asserted here does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


def _config(heads, **changes):
  sizes = {"num_heads": 16, "num_kv_heads": heads, "intermediate_size": 16}
  return tiny.config(vocab_size=24, num_layers=1, **(sizes | changes))


def _random(model_class, module_class, config):
  """Random weights without compiling an initialiser."""
  module = nnx.eval_shape(lambda: module_class(config, nnx.Rngs(0)))
  graph, shapes = nnx.split(module)
  random = np.random.default_rng(3)
  params = jax.tree.map(
    lambda leaf: jnp.asarray(random.normal(0, 0.4, leaf.shape), jnp.float32),
    nnx.to_pure_dict(shapes),
  )
  return model_class(config, params, tiny.letter_tokenizer(), graph)


@functools.cache
def _models(heads=8):
  """Both models; 8 heads divide by every mesh here."""
  return (
    _random(models.Model, decoder.Decoder, _config(heads)),
    _random(
      models.RewardModel,
      reward_model.StepReward,
      _config(heads, hidden_size=16),
    ),
  )


@functools.cache
def _pair(heads=8, mesh=None):
  """A policy and a reward, whose programs are for a mesh."""
  model, judge = (
    dataclasses.replace(model, hardware=hardware.of_mesh(mesh))
    for model in _models(heads)
  )
  return (
    decoding.ModelPolicy(model, tiny.FORMAT, tiny.LIMITS, tiny.NUM_BEAMS),
    decoding.ModelReward(judge, tiny.LIMITS, tiny.NUM_BEAMS),
  )


@functools.cache
def _mesh(data, model):
  return models.make_mesh(data, model)


def _few_rows():
  """The same with models that run on 2 beams of a problem at once."""
  model, judge = _models()
  sizes = (tiny.LIMITS, tiny.NUM_BEAMS)
  return (
    decoding.ModelPolicy(model, tiny.FORMAT, *sizes, num_rows=2),
    decoding.ModelReward(judge, *sizes, num_rows=2),
  )


def _params(mesh=None):
  return _params_of(_models(), mesh)


def _params_of(pair, mesh=None):
  weights, judge = (
    kv_heads.put(model.params, model.config, mesh) for model in pair
  )
  return decoding.PolicyParams(weights, jnp.float32(1.0)), judge


def _run(mesh, strategy, ids=IDS, num_slots=LANES, seed=0, heads=8):
  policy, reward = _pair(heads, mesh)
  if strategy is STRATEGIES["sampling"]:  # compiles in half the time
    reward = _no_reward()
  prompts = tiny.prompts(max(IDS) + 1)
  found = decoding.continuous_batching(
    policy, reward, strategy, *_params_of(_models(heads)),
    [decoding.PromptProblem(i, prompts[i]) for i in ids],
    seed, num_slots, DEPTH, mesh,
  )  # fmt: skip
  return {one.problem_id: one for one in found}


@functools.cache
def _no_reward():
  return decoding.NoReward(tiny.NUM_BEAMS)


@functools.cache
def _unsharded(strategy):
  return _run(None, STRATEGIES[strategy])


@functools.cache
def _slots(mesh):
  """Makes empty slots, and lists the programs that act on them."""
  policy, reward = _pair(mesh=mesh)
  strategy, params = STRATEGIES["rebase"], _params(mesh)
  prompts = decoding.pad_prompt(0, tiny.prompts(1)[0], tiny.LIMITS)
  new = lane_programs.start(
    policy, reward, strategy.static_part, DEPTH, mesh, *params,
    strategy.init(tiny.NUM_BEAMS), jax.random.key(0), np.int32(0), prompts,
  )  # fmt: skip
  empty = functools.partial(
    lane_programs.empty_slots, policy, reward, LANES, mesh, new
  )
  state = empty()
  outcome = (state.tree, state.policy_state.counts)
  slot = np.int32(0)
  programs = {
    "replace": lane_programs.replace_slot.lower(mesh, state, slot, new),
    "advance": lane_programs.advance.lower(
      policy, reward, strategy.static_part, mesh, SIZES, *params, state
    ),
    "few rows": lane_programs.advance.lower(
      *_few_rows(), strategy.static_part, mesh, SIZES, *params, state
    ),
    "take": lane_programs.take_slot.lower(mesh, outcome, slot),
  }
  return empty, programs


@pytest.mark.slow
@pytest.mark.parametrize(
  "strategy, data, model",
  [("rebase", 2, 4), ("sampling", 4, 2)],
)
def test_a_search_on_a_mesh_is_that_on_one_device(strategy, data, model):
  found = _run(_mesh(data, model), STRATEGIES[strategy])
  _assert_same_searches(_unsharded(strategy), found)


@pytest.mark.slow
@pytest.mark.parametrize("data, model", [(1, 8), (2, 4)])
def test_so_it_is_where_each_head_is_held_by_several_devices(data, model):
  found = _run(_mesh(data, model), STRATEGIES["rebase"], heads=2)
  _assert_same_searches(_few_heads(), found, copies=model // 2)


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
def test_what_looks_ahead_has_the_same_copies(own):
  """Weights of its own, or the policy's, which are on no mesh yet."""
  policy, reward = _pair(2, _mesh(2, 4))
  params = _params_of(_models(2))
  weights = params[0].weights
  if own:
    weights = jax.tree.map(jnp.array, weights)
  ahead = params[0].replace(weights=weights, temperature=jnp.float32(0))
  strategy = beam_search(2, lookahead=1)
  problems = [
    decoding.PromptProblem(i, prompt)
    for i, prompt in enumerate(tiny.prompts(2))
  ]
  found = [
    sorted(
      decoding.continuous_batching(
        policy, reward, strategy, *params, problems, 0, 2, DEPTH, _mesh(2, 4),
        lookahead_params=lookahead,
      ),
      key=lambda finished: finished.problem_id,
    )
    for lookahead in (None, ahead)
  ]  # fmt: skip
  for first, second in zip(*found, strict=True):
    jax.tree.map(np.testing.assert_array_equal, first.tree, second.tree)


@functools.cache
def _few_heads():
  return _run(None, STRATEGIES["rebase"], heads=2)


def _assert_same_searches(alone, found, copies=1):
  """Compares searches; caches that are copied take so much more."""
  assert sorted(found) == list(IDS)
  for problem_id, one in alone.items():
    ours, theirs = one.tree, found[problem_id].tree
    for name in ("parents", "active", "status", "num_tokens"):
      np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.contents.tokens, theirs.contents.tokens)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
    for name in ("policy_counts", "reward_counts"):
      assert getattr(one, name) == getattr(found[problem_id], name)
    assert found[problem_id].cache_bytes == pytest.approx(
      copies * one.cache_bytes, rel=0.02 if copies > 1 else 0
    )


def test_later_calls_and_steps_compile_nothing():
  mesh = _mesh(2, 4)
  _run(mesh, STRATEGIES["rebase"])
  compiled = []

  def listen(event, *unused_args, **unused_kwargs):
    compiled.append(event)

  jax.monitoring.register_event_duration_secs_listener(listen)
  try:
    _run(mesh, rebase(0.1), ids=(4, 1, 3, 2, 5), seed=3)
    assert not [event for event in compiled if "backend_compile" in event]
    jax.jit(lambda x: x + 1)(np.float32(0))  # that the event is still called so
    assert [event for event in compiled if "backend_compile" in event]
  finally:
    jax.monitoring.unregister_event_duration_listener(listen)


def test_the_state_stays_where_it_is():
  """Caches of a step's result lie on devices as those that it was given."""
  state = _slots(_mesh(2, 4))[0]()
  policy, reward = _pair()
  before = [leaf.sharding for leaf in jax.tree.leaves(state)]
  after, _ = lane_programs.advance(
    policy, reward, STRATEGIES["rebase"].static_part, _mesh(2, 4), SIZES,
    *_params(_mesh(2, 4)), state,
  )  # fmt: skip
  assert jax.tree.leaves(state)[-1].is_deleted()
  for old, leaf in zip(before, jax.tree.leaves(after), strict=True):
    assert leaf.sharding.is_equivalent_to(old, leaf.ndim)


def test_caches_are_split_over_problems_and_heads():
  state = _slots(_mesh(2, 4))[0]()
  keys, values = state.policy_state.cache.own[0]
  P, N, K, H, S = 4, tiny.NUM_BEAMS, 8, 6, 32
  assert keys.shape == (P, N, K, H, S)
  assert keys.sharding.shard_shape(keys.shape) == (P // 2, N, K // 4, H, S)
  assert values.sharding.shard_shape(values.shape) == (P // 2, N, K // 4, S, H)
  keys, values = state.reward_state.cache.prompt[0]
  assert keys.sharding.shard_shape(keys.shape) == (P // 2, 1, K // 4, H, S)
  assert values.sharding.shard_shape(values.shape) == (P // 2, 1, K // 4, S, H)
  for leaf in jax.tree.leaves(state):
    assert leaf.sharding.shard_shape(leaf.shape)[0] == P // 2


@pytest.mark.parametrize("program", ["replace", "advance", "few rows", "take"])
def test_no_cache_is_sent_from_device_to_device(program):
  """Caches alone have five axes; every fork and every merge is in `advance`."""
  text = _slots(_mesh(2, 4))[1][program].compile().as_text()
  sends = r"= (.*) (?:all-\w+|collective-\w+|reduce-scatter)(?:-start)?\("
  sent = "\n".join(re.findall(sends, text))
  assert not re.findall(r"\[\d+(?:,\d+){4}\]", sent)
  if program == "few rows":  # taken out and put back by each device alone
    assert "f32[2,4,2,6,32]" in text and "f32[2,2,2,6,32]" in text
  if program == "advance":
    # Each device has its own problems and heads only; and the pattern for what
    # is sent finds something.
    assert "f32[2,4,2,6,32]" in text
    assert not re.search(r"f32\[4,4,\d+,|f32\[\d+,4,8,6,", text)
    assert "f32[2,4,1,24]" in sent


def test_slots_that_the_mesh_does_not_divide_are_refused():
  with pytest.raises(ValueError, match=r"num_slots is 3.*'data'.*Use 4 slots"):
    _run(_mesh(2, 4), STRATEGIES["rebase"], num_slots=3)
  assert placement.whole_slots(3, None) == 3


@pytest.mark.parametrize("owner", ["policy", "reward"])
def test_heads_that_the_mesh_would_cut_are_refused(owner):
  policy, reward = _pair(mesh=_mesh(2, 4))
  cut = (
    _random(models.Model, decoder.Decoder, _config(2, num_heads=6)),
    _random(
      models.RewardModel, reward_model.StepReward, _config(2, num_heads=6)
    ),
  )
  if owner == "policy":
    policy = decoding.ModelPolicy(
      cut[0], tiny.FORMAT, tiny.LIMITS, tiny.NUM_BEAMS
    )
  else:
    reward = decoding.ModelReward(cut[1], tiny.LIMITS, tiny.NUM_BEAMS)
  iterator = decoding.continuous_batching(
    policy, reward, rebase(), *_params(), [], 0, LANES, DEPTH, _mesh(2, 4)
  )
  with pytest.raises(
    ValueError, match=r"2 heads.*'model' of size 4.*1, 2 or 6"
  ):
    next(iterator)


@pytest.mark.parametrize(
  ("used", "said"),
  [
    (hardware.Hardware("tpu", 8, 2, 4), "tpu in 2 x 4 parts"),
    (hardware.Hardware("cpu", 8), "cpu in 1 x 1 parts"),
  ],
)
def test_a_model_for_other_hardware_is_refused(used, said):
  policy, reward = _pair(mesh=_mesh(2, 4))
  other = dataclasses.replace(policy.model, hardware=used)
  policy = decoding.ModelPolicy(other, tiny.FORMAT, tiny.LIMITS, tiny.NUM_BEAMS)
  iterator = decoding.continuous_batching(
    policy, reward, rebase(), *_params(), [], 0, LANES, DEPTH, _mesh(2, 4)
  )
  with pytest.raises(
    ValueError, match=f"for {said}.* the mesh is of cpu in 2 x 4"
  ):
    next(iterator)
