"""The floor against closed forms."""

import dataclasses

import jax
import pytest

from inference_scaling import decoding, models, search
from inference_scaling.decoding.memory import abstract
from inference_scaling.plan import chips, floor, workload
from tests.decoding import tiny

D, F, H, Q, K, V, L = 64, 96, 16, 8, 4, 128, 3
CONFIG = tiny.config(
  vocab_size=V, hidden_size=D, intermediate_size=F, num_layers=L, num_heads=Q,
  num_kv_heads=K, head_dim=H, tie_word_embeddings=False,
)  # fmt: skip
LIMITS = decoding.Limits(
  prompt_tokens=32, step_tokens=8, total_tokens=64, max_steps=4
)
P, N = 4, 8
# A layer's matrices: queries and outputs, keys and values, the gated MLP.
LAYER = 2 * D * Q * H + 2 * D * K * H + 3 * D * F


def _workload(policy=CONFIG, reward=None, dtype="bfloat16", **changes):
  form = "llemma" if reward else "none"
  searched = abstract.Search(policy, reward, form, dtype, LIMITS, LIMITS)
  work = workload.Workload("x", searched, P, N, search.sampling(), 4)
  return dataclasses.replace(work, **changes)


def _mesh(data=1, model=1):
  return models.make_mesh(data, model, devices=jax.devices()[: data * model])


def test_weights_and_caches_are_read_once():
  cost = floor.decode(_workload(), _mesh(), text_tokens=40)
  weights = L * (LAYER + 2 * D) + V * D + D  # norms; no embedding
  kept = L * 2 * K * H * (P * 32 + P * N * 40)
  assert cost.bytes == 2 * (weights + kept)
  assert cost.tokens == P * N
  attention = L * Q * H * 2 * (32 + 40)
  assert cost.flops == 2 * P * N * (L * LAYER + V * D + attention)


def test_a_tied_embedding_is_an_unembedding_and_is_read():
  tied = dataclasses.replace(CONFIG, tie_word_embeddings=True)
  costs = [
    floor.decode(_workload(one), _mesh(), text_tokens=40)
    for one in (CONFIG, tied)
  ]
  assert costs[0] == costs[1]


def test_a_mesh_shares_the_work():
  one = floor.decode(_workload(), _mesh(), 40)
  eight = floor.decode(_workload(), _mesh(2, 4), 40)
  whole = 2 * (L * 2 * D + D)  # norms lie on every device
  weights = 2 * (L * LAYER + V * D)
  kept = one.bytes - weights - whole
  assert eight.bytes == weights / 4 + whole + kept / 8
  assert eight.flops == one.flops / 8 and eight.tokens == one.tokens


def test_heads_are_copied_where_there_are_too_few():
  one = floor.decode(_workload(), _mesh(), 40)
  eight = floor.decode(_workload(), _mesh(1, 8), 40)
  four = floor.decode(_workload(), _mesh(1, 4), 40)
  kept = 2 * L * 2 * K * H * (P * 32 + P * N * 40)
  # A head each, as on four devices, and its projections.
  assert four.bytes > eight.bytes > one.bytes / 8
  copied = 2 * L * 2 * D * K * H
  rest = one.bytes - kept - copied - 2 * (L * 2 * D + D)
  assert eight.bytes == kept / 4 + copied / 4 + rest / 8 + 2 * (L * 2 * D + D)


def test_quantised_weights_are_half_and_caches_are_not():
  wide = floor.decode(_workload(), _mesh(), 0)
  narrow = floor.decode(_workload(dtype="int8"), _mesh(), 0)
  matrices = L * LAYER + V * D  # a byte each is saved, but for the scales
  assert 0.9 * matrices < wide.bytes - narrow.bytes < matrices
  more = [
    floor.decode(_workload(dtype=dtype), _mesh(), 40).bytes - cost.bytes
    for dtype, cost in (("bfloat16", wide), ("int8", narrow))
  ]
  assert more[0] == more[1] > 0


def test_a_window_bounds_what_is_attended_to():
  windowed = dataclasses.replace(CONFIG, sliding_window=24)
  costs = [
    floor.decode(_workload(windowed), _mesh(), text) for text in (24, 60)
  ]
  assert costs[0].bytes == costs[1].bytes
  assert costs[0].bytes < floor.decode(_workload(), _mesh(), 24).bytes


def test_layers_without_a_window_read_all():
  windowed = dataclasses.replace(CONFIG, sliding_window=24)
  mixed = dataclasses.replace(windowed, window_pattern=2)
  assert mixed.num_unlimited_layers == L // 2
  none, half, whole = (
    floor.decode(_workload(config), _mesh(), 60)
    for config in (windowed, mixed, CONFIG)
  )
  for count in ("bytes", "flops"):
    low, middle, high = (getattr(cost, count) for cost in (none, half, whole))
    assert low < middle < high
    share = (middle - low) / (high - low)
    assert share == pytest.approx(L // 2 / L)


def test_a_step_is_scored_in_one_pass():
  work = _workload(reward=CONFIG)
  cost = floor.score(work, _mesh(), text_tokens=40, step_tokens=8)
  weights = L * (LAYER + 2 * D) + D
  head = cost.bytes - 2 * weights - 2 * L * 2 * K * H * (32 + N * 40)
  # One problem of the four is scored at a time; a head in float32.
  assert floor.scored_problems(work, _mesh()) == 1
  assert head == 4 * (D + 1) and cost.tokens == N * 8


def test_few_rows_read_few_texts():
  full = floor.decode(_workload(), _mesh(), 40)
  few = floor.decode(_workload(rows=2), _mesh(), 40)
  assert full.tokens == 4 * few.tokens
  assert full.bytes - few.bytes == 2 * L * 2 * K * H * P * (N - 2) * 40


@pytest.mark.parametrize(
  ("values", "by"),
  [
    ((1e12, 1, 1), "memory"),
    ((1, 1e16, 1), "compute"),
    ((1, 1, 1e12), "links"),
  ],
)
def test_time_is_that_of_the_slowest(values, by):
  cost = floor.Cost(1, *values)
  chip = chips.CHIPS["v6e"]
  times = cost.times(chip)
  assert cost.seconds(chip) == times[by] == max(times.values())
  peak = {"memory": 1638e9, "compute": 918e12, "links": 400e9}[by]
  assert times[by] == max(values) / peak
