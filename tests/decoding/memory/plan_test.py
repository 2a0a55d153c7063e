"""The memory plan against compiled programs and against arrays in memory."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models, names, search
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import programs, scheduling
from inference_scaling.decoding.memory import abstract
from inference_scaling.decoding.memory import plan as memory
from inference_scaling.models import kv_heads, published
from inference_scaling.models.layers import hardware
from tests.decoding import tiny

# Big enough that nothing is ruled by constants; heads are long, so that the
# caches rule, or the vocabulary is wide, so that the logits do.
CACHES = tiny.config(
  vocab_size=24, num_heads=2, num_kv_heads=2, head_dim=64, num_layers=1
)
LOGITS = tiny.config(
  vocab_size=20_000, num_heads=2, num_kv_heads=2, head_dim=8, num_layers=1
)
# 2 heads of keys and values, which up to 8 devices hold copies of.
COPIED = tiny.config(
  vocab_size=24, num_heads=8, num_kv_heads=2, head_dim=64, num_layers=1,
  intermediate_size=24,
)  # fmt: skip
LIMITS = decoding.Limits(
  prompt_tokens=64, step_tokens=32, total_tokens=256, max_steps=4
)
P, N = 4, 8
SAMPLING = search.sampling()


ENTRIES = 300  # of a tree: fewer than its 8 beams of 256 tokens may have


def _plan(
  policy,
  reward,
  dtype="float32",
  reward_format="native",
  limits=LIMITS,
  storage=(),
):
  return memory.Plan(
    abstract.Search(
      policy, reward, reward_format, dtype, limits, limits, *storage
    )
  )


def _reward(config):
  """The reward model beside a policy."""
  return COPIED if config is COPIED else CACHES


@functools.cache
def _measured(config, shape, dtype, rows, storage):
  """Bytes of `continuous_batching` on the first device, run and compiled."""
  mesh = shape and models.make_mesh(*shape)
  tokenizer = tiny.letter_tokenizer()
  policy_model, reward_model = (
    dataclasses.replace(model, hardware=hardware.of_mesh(mesh))
    for model in (
      models.initial_model(config, tokenizer, seed=0),
      models.initial_reward_model(_reward(config), tokenizer, seed=0),
    )
  )
  policy = decoding.ModelPolicy(
    policy_model, tiny.FORMAT, LIMITS, N, rows, *storage
  )
  reward = decoding.ModelReward(reward_model, LIMITS, N, None, rows, *storage)
  weights = jax.tree.map(
    lambda leaf: leaf.astype(dtype), [policy_model.params, reward_model.params]
  )
  if mesh is not None:
    weights = [
      kv_heads.put(params, owner.config, mesh)
      for params, owner in zip(
        weights, (policy_model, reward_model), strict=True
      )
    ]
  params = (decoding.PolicyParams(weights[0], jnp.float32(1)), weights[1])
  start = programs.start.lower(
    policy, reward, SAMPLING.static_part, LIMITS.max_steps, mesh, *params, (),
    jax.random.key(0), np.int32(0), decoding.pad_prompt(0, [1, 2], LIMITS),
  ).compile()  # fmt: skip
  new = start(
    *params, (), jax.random.key(0), np.int32(0),
    decoding.pad_prompt(0, [1, 2], LIMITS),
  )  # fmt: skip
  state = programs.empty_slots(policy, reward, P, mesh, new)
  group = scheduling.group_size(
    P, SAMPLING.static_part, mesh, hardware.of_mesh(mesh)
  )
  # Of all tokens, and, where these are no copy, of half of them.
  lengths = (LIMITS.text_buffer, LIMITS.text_buffer // 2)
  steps = []
  for length in lengths[: 1 if rows else 2]:
    size = sizes_lib.fitting(LIMITS, length, LIMITS.prompt_buffer, group)
    steps.append(
      programs.advance.lower(
        policy, reward, SAMPLING.static_part, mesh, (size, size), *params, state
      ).compile()
    )
  replace = programs.replace_slot.lower(mesh, state, np.int32(0), new).compile()
  return {
    "start": _bytes(start),
    "replace": _bytes(replace),
    "step": max(_bytes(step) + _argument_bytes(step) for step in steps),
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
  (CACHES, None, "float32", None, ()),
  (CACHES, (4, 2), "float32", None, ()),
  (LOGITS, (4, 2), "float32", None, ()),
  (CACHES, None, "bfloat16", 2, ()),
  (CACHES, None, "float32", 2, ("tree", ENTRIES)),
  (CACHES, (4, 2), "float32", 2, ("tree",)),
  (COPIED, (1, 8), "float32", None, ()),
  (COPIED, (2, 4), "float32", 2, ("tree",)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("config", "shape", "dtype", "rows", "storage"), CASES)
def test_plan_is_what_is_measured(config, shape, dtype, rows, storage):
  measured = _measured(config, shape, dtype, rows, storage)
  plan = _plan(config, _reward(config), dtype, storage=storage)
  found = plan.footprint(P, N, *(shape or (1, 1)), rows=rows, cpu=True)
  assert found.resident == measured["live"]
  assert found.policy_weights + found.reward_weights == measured["weights"]
  phases = dict(found.phases)
  start = phases.pop("start")
  planned = found.resident + max(phases.values())
  assert measured["step"] == pytest.approx(planned, rel=0.1)
  taken = measured["step"] - found.resident
  assert taken == pytest.approx(max(phases.values()), rel=0.25)
  assert measured["start"] == pytest.approx(start, rel=0.1)
  # A problem is started and put in a batch slot without caches for its beams.
  own = found.policy_beams + found.reward_beams
  slot = own * (shape or (1, 1))[0] / P
  assert measured["start"] < (2 if storage else 0.5) * slot
  assert measured["replace"] < (0.5 if storage else 0.2) * slot


@pytest.mark.parametrize("cpu", [True, False])
def test_rows_stay_in_storage_on_one_cpu_alone(cpu):
  plan = _plan(CACHES, CACHES)
  one = plan.footprint(P, N, cpu=cpu).phases
  # Twice the problems on twice the devices: as many for each of them.
  two = plan.footprint(2 * P, N, data=2, cpu=cpu).phases
  assert (one["store"] == 0) == cpu
  assert two["store"] > 0


def test_a_tree_takes_the_tokens_that_it_has_room_for():
  found = [
    _plan(CACHES, CACHES, storage=storage).footprint(P, beams)
    for storage, beams in (
      ((), 2), (("tree",), 2), (("tree", ENTRIES), 1), (("tree", ENTRIES), 16),
    )
  ]  # fmt: skip
  dense, every, few, wide = (one.policy_beams for one in found)
  assert dense == every == 2 * few == P * 2 * 256 * 2 * 2 * 64 * 4
  assert wide * 256 == few * ENTRIES
  assert found[2].phases["gather"] < found[3].phases["gather"]
  assert "fork" in found[0].phases and "fork" not in found[1].phases


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


def test_each_device_has_a_head_of_keys_and_values():
  plan = _plan(COPIED, COPIED)
  two, four, eight = (plan.footprint(P, N, 1, model) for model in (2, 4, 8))
  for name in ("policy_beams", "reward_beams", "prompt_caches"):
    assert getattr(two, name) == getattr(four, name) == getattr(eight, name)
  # A head of queries, keys, values and outputs; an eighth of the matrices of
  # the MLP and of the vocabulary; norms.
  weights = 4 * 64 * 24 + (3 + 1) * 3 * 24 + 3 * 24
  assert eight.policy_weights == 4 * weights


@pytest.mark.parametrize("dtype", [names.INT8, names.FP8])
@pytest.mark.parametrize("model", [1, 2, 8])
def test_quantised_weights_are_counted_by_hand(dtype, model):
  V, D, F, K, H = 24, COPIED.hidden_size, 24, max(2, model), 64
  policy = dataclasses.replace(COPIED, tie_word_embeddings=False)
  # Each part: bytes of its values, and two for each of its channels.
  channels = (8 * H + 2 * K * H + 2 * F) // model
  values = channels * D + (D * 8 * H + D * F) // model
  scales = 2 * (channels + 2 * D)
  table = V // model * (D + 2)
  norms = 2 * 3 * D
  plan = _plan(policy, COPIED, dtype)
  footprint = plan.footprint(P, N, 1, model)
  assert footprint.policy_weights == values + scales + norms + 2 * table
  head = 2 * (D + 2 + 1)  # of the reward model, which has no unembedding
  assert footprint.reward_weights == values + scales + norms + table + head


@pytest.mark.parametrize("cpu", [False, True])
def test_all_else_is_as_beside_bfloat16(cpu):
  one, other = (
    _plan(CACHES, CACHES, dtype).footprint(P, N, cpu=cpu)
    for dtype in (names.INT8, "bfloat16")
  )
  assert one.policy_weights < 0.6 * other.policy_weights
  assert one.prompt_caches == other.prompt_caches
  assert one.policy_beams == other.policy_beams
  assert one.other_state == other.other_state
  assert one.phases == other.phases
