"""A value head on hidden states of the policy that writes, as it decodes.

What it must agree with is a `ModelReward` of the whole value model, which
encodes each step again.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from inference_scaling import decoding, models, search
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.rewards import value_head
from tests.decoding import tiny
from tests.models import tiny as tiny_models

LAYERS = (1,)  # the policy has two
PROBLEMS, SLOTS, DEPTH = 6, 4, 6
# Texts end at the end of their buffer, whose tokens fill whole registers.
LIMITS = decoding.Limits(
  prompt_tokens=16, step_tokens=12, total_tokens=32, max_steps=DEPTH
)
FORMAT = decoding.StepFormat(tuple(tiny.STEP_ENDS), ("cec",))
CONFIG = tiny.config(head_dim=16, eos_token_ids=())
CPU = hardware_lib.of_mesh(None)


@functools.cache
def model(hardware=CPU) -> models.Model:
  made = tiny_models.make_model(CONFIG, seed=1)
  return dataclasses.replace(
    made,
    params=jax.tree.map(jnp.asarray, made.params),
    tokenizer=tiny.letter_tokenizer(),
    hardware=hardware,
  )


@functools.cache
def value_model(layers=LAYERS, hardware=CPU) -> value_head.ValueModel:
  """The policy's first layers, and a random head on them."""
  config = value_head.body_config(CONFIG, layers)
  graph, state = nnx.split(
    value_head.ValueReward(config, layers, 3, nnx.Rngs(0))
  )
  params = nnx.to_pure_dict(state)
  body, kept = model().params, params["decoder"]["layers"]
  body = body | {"layers": {n: body["layers"][n] for n in kept}}
  keys = iter(jax.random.split(jax.random.key(8), 4))
  score = jax.tree.map(
    lambda leaf: jax.random.normal(next(keys), leaf.shape), params["score"]
  )
  return value_head.ValueModel(
    config, {"decoder": body, "score": score}, tiny.letter_tokenizer(), graph,
    hardware=hardware,
  )  # fmt: skip


def policy(layers=LAYERS, hardware=CPU, **how) -> decoding.ModelPolicy:
  return decoding.ModelPolicy(
    model(hardware), FORMAT, LIMITS, tiny.NUM_BEAMS, value_layers=layers, **how
  )


def params(layers=LAYERS, temperature=1.0) -> decoding.PolicyParams:
  head = value_model(layers).params["score"]
  return plain_params(temperature).replace(value_head=head)


def plain_params(temperature=1.0) -> decoding.PolicyParams:
  return decoding.PolicyParams(model().params, jnp.float32(temperature))


def reward(layers=LAYERS) -> decoding.HiddenStateReward:
  return decoding.HiddenStateReward(value_model(layers).config, tiny.NUM_BEAMS)


def searched(strategy, pair, pair_params, prefix=(), mesh=None):
  """What searches of all problems find, by problem."""
  problems = [
    decoding.PromptProblem(i, (*prefix, *prompt))
    for i, prompt in enumerate(tiny.prompts(PROBLEMS))
  ]
  finished = decoding.continuous_batching(
    *pair, strategy, *pair_params, problems, 0, SLOTS, DEPTH, mesh,
    prefix=decoding.Prefix(tuple(prefix)),
  )  # fmt: skip
  return {one.problem_id: one for one in finished}


def assert_same(ours, theirs):
  assert sorted(ours) == sorted(theirs) == list(range(PROBLEMS))
  for number, one in ours.items():
    other = theirs[number]
    for name in ("parents", "active", "status", "num_tokens"):
      np.testing.assert_array_equal(
        getattr(one.tree, name), getattr(other.tree, name)
      )
    np.testing.assert_array_equal(
      one.tree.contents.tokens, other.tree.contents.tokens
    )
    np.testing.assert_allclose(one.tree.scores, other.tree.scores, atol=2e-5)
    parts = (one.policy_counts, one.reward_counts)
    others = (other.policy_counts, other.reward_counts)
    jax.tree.map(np.testing.assert_array_equal, parts, others)


def both(strategy, layers, hardware=CPU, prefix=(), mesh=None, **how):
  """Searches by hidden states of the policy, and by the whole value model."""
  ours = searched(
    strategy, (policy(layers, hardware, **how), reward(layers)),
    (params(layers), None), prefix, mesh,
  )  # fmt: skip
  judge = value_model(layers, hardware)
  whole = decoding.ModelReward(judge, LIMITS, tiny.NUM_BEAMS, **how)
  theirs = searched(
    strategy, (policy((), hardware, **how), whole),
    (plain_params(), judge.params), prefix, mesh,
  )  # fmt: skip
  return ours, theirs


@pytest.mark.parametrize(
  ("layers", "strategy", "how"),
  [
    ((1,), search.rebase(0.3), {}),
    ((1, 2), search.rebase(0.3), {"num_rows": 2, "prefix": (3, 9, 5)}),
    ((2,), search.rebase(0.3), {"cache": "tree"}),
    ((1,), search.beam_search(2, lookahead=1), {}),
    ((1,), search.sampling(), {}),
  ],
  ids=["dense", "rows take turns, prefix", "tree", "look-ahead", "sampling"],
)
def test_searches_are_those_of_the_whole_value_model(layers, strategy, how):
  ours, theirs = both(strategy, layers, **how)
  assert_same(ours, theirs)
  scores = np.concatenate([one.tree.scores.ravel() for one in ours.values()])
  assert len(np.unique(scores)) > 20 and np.ptp(scores) > 0.4
  # Texts as long as their buffer, of which the head reads the last token, too.
  full = [one.tree.status == search.TRUNCATED for one in ours.values()]
  assert np.any(full)


def test_rows_in_storage_are_meant():
  assert policy(num_rows=2).in_place


@pytest.mark.parametrize("platform", ["gpu", "tpu"])
def test_programs_for_accelerators_read_the_same(platform):
  hardware = hardware_lib.Hardware(platform, 1)
  assert_same(*both(search.rebase(0.3), (1, 2), hardware))


def test_a_mesh_reads_the_same():
  mesh = models.make_mesh(2, 1, jax.devices()[:2])
  hardware = hardware_lib.of_mesh(mesh)
  ours, theirs = both(search.rebase(0.3), (1,), hardware, mesh=mesh)
  assert_same(ours, theirs)
  alone, _ = both(search.rebase(0.3), (1,))
  assert_same(ours, alone)


def test_steps_that_stop_anywhere_have_the_same_values():
  keys = jax.random.split(jax.random.key(1), (3, tiny.NUM_BEAMS))
  writer, active = policy(), jnp.ones((3, tiny.NUM_BEAMS), bool)
  state = writer.start(params(), tiny.stack(3))
  _, wanted = jax.jit(writer.extend)(params(), keys, state, active)

  sizes = dataclasses.replace(writer.sizes, written=1)
  short = writer.sized(sizes)
  never = lambda live: jnp.zeros((), bool)  # noqa: E731
  write = jax.jit(lambda state: short.write(params(), keys, state, never))
  begun = writer.begin(state, active)
  for _ in range(LIMITS.step_tokens + 1):
    begun = write(begun)
  assert not writer.live(begun).any()
  _, step = writer.finish(begun, jnp.ones(3, bool))
  np.testing.assert_allclose(
    step.content.values, wanted.content.values, rtol=1e-5
  )
  np.testing.assert_array_equal(step.content.tokens, wanted.content.tokens)


def test_a_value_that_is_no_number_stops_the_search():
  broken = params()
  head = broken.value_head | {"bias": jnp.float32(jnp.nan)}
  broken = dataclasses.replace(broken, value_head=head)
  with pytest.raises(FloatingPointError, match="value head's scores"):
    searched(search.rebase(0.3), (policy(), reward()), (broken, None))


@pytest.mark.parametrize(
  ("pair", "given", "message"),
  [
    ((policy(()), reward()), params(), "value_layers"),
    ((policy(), reward()), plain_params(), "load_value_head"),
    ((policy((1, 2)), reward()), params(), "24 numbers.*have 48"),
  ],
  ids=["no layers", "no head", "another head"],
)
def test_what_does_not_belong_together_is_named(pair, given, message):
  with pytest.raises(ValueError, match=message):
    searched(search.rebase(0.3), pair, (given, None))


def test_layers_that_the_policy_lacks_are_named():
  with pytest.raises(ValueError, match=r"from 1 to 2"):
    policy((1, 3))


def test_a_look_ahead_by_other_weights_is_refused():
  other = jax.tree.map(lambda leaf: leaf + 0, params())
  problems = [decoding.PromptProblem(0, (3, 4))]
  with pytest.raises(ValueError, match="lookahead_params has other weights"):
    list(
      decoding.continuous_batching(
        policy(),
        reward(),
        search.beam_search(2, lookahead=1),
        params(),
        None,
        problems,
        0,
        SLOTS,
        DEPTH,
        lookahead_params=other,
      )
    )


def test_steps_without_values_are_refused():
  state = reward().start(None, tiny.stack(2))
  step = policy(())._empty_step((2, tiny.NUM_BEAMS))
  content = search.Step(step.status, step.content.lengths, step.content)
  active = jnp.ones((2, tiny.NUM_BEAMS), bool)
  with pytest.raises(ValueError, match="takes the values of steps"):
    reward().score(None, state, content, active)


def test_beams_keep_their_scores_when_they_are_forked_or_taken_back():
  head, history = reward(), 3
  assert head.held(None) == ()  # no keys and values of its own
  state = head.start(jnp.int32(5), tiny.stack(history))
  prompts = np.array([len(p) for p in tiny.prompts(history)])
  np.testing.assert_array_equal(state.lengths[:, 0], prompts + 5)
  np.testing.assert_array_equal(state.counts.prefill, prompts + 5)
  rng = np.random.default_rng(0)
  shape = (history, tiny.NUM_BEAMS)
  content = decoding.StepTokens(
    tokens=jnp.zeros((*shape, 6), jnp.int32),
    lengths=jnp.array(rng.integers(1, 6, shape), jnp.int32),
    values=jnp.array(rng.normal(size=shape), jnp.float32),
  )
  step = search.Step(jnp.zeros(shape, jnp.int32), content.lengths, content)
  active = jnp.array(rng.random(shape) < 0.7)
  after, scores = head.score(None, state, step, active)
  wanted = np.where(active, 1 / (1 + np.exp(-content.values)), 0)
  np.testing.assert_allclose(scores, wanted, rtol=1e-6)
  parents = jnp.array(rng.integers(0, tiny.NUM_BEAMS, shape), jnp.int32)
  forked = head.fork(after, parents)
  for name in ("scores", "lengths"):
    np.testing.assert_array_equal(
      getattr(forked, name),
      np.take_along_axis(np.array(getattr(after, name)), parents, axis=1),
    )
  back = head.rewind(state, after)
  np.testing.assert_array_equal(back.lengths, state.lengths)
  np.testing.assert_array_equal(back.scores, state.scores)
  np.testing.assert_array_equal(back.counts.decode, after.counts.decode)
