"""The memory plan against compiled programs and against arrays in memory."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models, search
from inference_scaling.decoding import abstract, lanes, memory
from inference_scaling.models import published
from tests.decoding import tiny

# Big enough that nothing is ruled by constants; heads are long, so that the
# caches rule, or the vocabulary is wide, so that the logits do.
CACHES = tiny.config(
  vocab_size=24, num_heads=2, num_kv_heads=2, head_dim=64, num_layers=1
)
LOGITS = tiny.config(
  vocab_size=20_000, num_heads=2, num_kv_heads=2, head_dim=8, num_layers=1
)
LIMITS = decoding.Limits(
  prompt_tokens=64, step_tokens=32, total_tokens=256, max_steps=4
)
P, N = 4, 8
SAMPLING = search.sampling()


def _plan(policy, reward, dtype="float32", form="own", limits=LIMITS):
  return memory.Plan(
    abstract.Search(policy, reward, form, dtype, limits, limits)
  )


@functools.cache
def _measured(config, shape, dtype):
  """Runs and compiles what `run_lanes` does; bytes on the first device."""
  mesh = None if shape is None else models.make_mesh(*shape)
  tokenizer = tiny.letter_tokenizer()
  policy_model = models.initial_model(config, tokenizer, seed=0)
  reward_model = models.initial_reward_model(CACHES, tokenizer, seed=0)
  policy = decoding.ModelPolicy(policy_model, tiny.FORMAT, LIMITS, N)
  reward = decoding.ModelReward(reward_model, LIMITS, N)
  weights = jax.tree.map(
    lambda leaf: leaf.astype(dtype), [policy_model.params, reward_model.params]
  )
  if mesh is not None:
    weights = [
      jax.device_put(params, models.parameter_shardings(params, mesh))
      for params in weights
    ]
  params = (decoding.PolicyParams(weights[0], jnp.float32(1)), weights[1])
  start = lanes._start.lower(
    policy, reward, SAMPLING.rules, LIMITS.max_steps, mesh, *params, (),
    jax.random.key(0), np.int32(0), decoding.pad_prompt(0, [1, 2], LIMITS),
  ).compile()  # fmt: skip
  new = start(
    *params, (), jax.random.key(0), np.int32(0),
    decoding.pad_prompt(0, [1, 2], LIMITS),
  )  # fmt: skip
  state = lanes._empty_lanes(policy, reward, P, mesh, new)
  step = lanes._step.lower(
    policy, reward, SAMPLING.rules, mesh, *params, state
  ).compile()
  replace = lanes._replace_lane.lower(mesh, state, np.int32(0), new).compile()
  return {
    "start": _bytes(start), "replace": _bytes(replace),
    "step": _bytes(step) + _argument_bytes(step),
    "live": _live((weights, state)), "weights": _live(weights),
  }  # fmt: skip


def _bytes(program):
  """Bytes that a program takes beside its arguments."""
  found = program.memory_analysis()
  return (
    found.output_size_in_bytes
    + found.temp_size_in_bytes
    - found.alias_size_in_bytes
  )


def _argument_bytes(program):
  return program.memory_analysis().argument_size_in_bytes


def _live(tree):
  """Bytes of arrays on the first device."""
  total = 0
  for leaf in jax.tree.leaves(tree):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
      leaf = jax.random.key_data(leaf)
    total += leaf.addressable_shards[0].data.nbytes
  return total


CASES = [
  (CACHES, None, "float32"), (CACHES, (4, 2), "float32"),
  (LOGITS, (4, 2), "float32"), (CACHES, None, "bfloat16"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "shape", "dtype"), CASES)
def test_plan_is_what_is_measured(config, shape, dtype):
  measured = _measured(config, shape, dtype)
  plan = _plan(config, CACHES, dtype)
  found = plan.footprint(P, N, *(shape or (1, 1)), wide_copies=True)
  assert found.resident == measured["live"]
  assert found.policy_weights + found.reward_weights == measured["weights"]
  phases = dict(found.phases)
  start = phases.pop("start")
  planned = found.resident + max(phases.values())
  assert measured["step"] == pytest.approx(planned, rel=0.1)
  assert max(phases.values()) > 0.2 * found.resident  # or it is no test
  assert measured["start"] == pytest.approx(start, rel=0.1)
  # A problem is started and put in a lane without caches for its beams.
  own = found.policy_beams + found.reward_beams
  lane = own * (shape or (1, 1))[0] / P
  assert measured["start"] < 0.5 * lane
  assert measured["replace"] < 0.2 * lane


def test_published_models_are_planned_without_weights():
  config = dataclasses.replace(
    published.published_config("smollm2_135m"), num_layers=3
  )
  plan = _plan(config, config, "bfloat16", "llemma")
  one, many = plan.footprint(2, 4), plan.footprint(2, 4, 1, 3)
  count = 49_152 * 576 + 3 * (576 * (2 * 576 + 2 * 192 + 3 * 1536 + 2)) + 576
  assert one.policy_weights == 2 * count
  assert one.reward_weights == 2 * count + 4 * (576 + 1)  # head in float32
  beams = 2 * 4 * 3 * 2 * 192 * LIMITS.text_buffer * 2
  assert one.policy_beams == one.reward_beams == beams == 3 * many.policy_beams
  assert plan.footprint(4, 4, 2, 1).policy_beams == beams
  assert plan.footprint(2, 12).reward_beams == 3 * beams
  with pytest.raises(ValueError, match="num_key_value_heads"):
    plan.footprint(2, 4, 1, 8)


def test_no_reward_model_takes_nothing():
  found = _plan(CACHES, None).footprint(P, N)
  assert found.reward_weights == found.reward_beams == 0
  assert "score" not in found.phases and found.peak > found.resident
