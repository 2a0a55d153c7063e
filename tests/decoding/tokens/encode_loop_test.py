"""Steps are encoded in blocks that the target asks for, with equal results."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding.tokens import encode_loop
from inference_scaling.models.layers import hardware
from inference_scaling.search import base
from tests.decoding import tiny

pytestmark = pytest.mark.usefixtures("quick_compilations")

CPU = hardware.Hardware("cpu", 8, 1, 8)
KINDS = ("TPU v5 lite", "TPU v5", "TPU v6 lite", "NVIDIA H200", "")


def _chip(kind, data=1):
  return hardware.Hardware("tpu", data, data, 1, kind)


@pytest.mark.parametrize("rows", [1, 64, 256])
def test_a_cpu_encodes_eight_tokens_a_pass(rows):
  assert encode_loop.block_size(CPU, rows, 256) == 8


# Worked by hand: FLOPs per byte, over the rows, in whole tiles of 16.
@pytest.mark.parametrize(
  "kind, rows, step_tokens, expected",
  [
    ("TPU v5 lite", 4, 256, 64),  # 241 / 4 = 60.1
    ("TPU v6 lite", 4, 256, 144),  # 560 / 4 = 140.1
    ("TPU v6 lite", 1, 256, 256),  # the whole buffer
    ("TPU v6 lite", 1, 100, 100),  # of any size
    ("TPU v5", 8, 256, 32),  # 166 / 8 = 20.8
    ("NVIDIA H200", 2, 256, 112),  # 206 / 2 = 103.0
    ("NVIDIA H200", 256, 256, 16),
    ("NVIDIA H200", 256, 6, 6),
  ],
)
def test_an_accelerator_encodes_as_many_as_its_balance_asks_for(
  kind, rows, step_tokens, expected
):
  assert encode_loop.block_size(_chip(kind), rows, step_tokens) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_is_the_smallest_that_keeps_a_device_busy(kind):
  needed = _chip(kind).flops_per_byte
  for rows in (1, 2, 5, 16, 64, 300):
    block = encode_loop.block_size(_chip(kind), rows, 4096)
    assert block % 16 == 0 and block * rows >= needed
    assert block == 16 or (block - 16) * rows < needed


def test_rows_are_counted_on_one_device():
  alone = encode_loop.block_size(_chip("TPU v6 lite"), 4, 256)
  split = encode_loop.block_size(_chip("TPU v6 lite", data=8), 32, 256)
  assert alone == split == 144
  few = encode_loop.block_size(_chip("TPU v6 lite", data=8), 4, 1024)
  assert few == 560 + 16  # at least one row each


C, LENGTHS = 83, ((83, 17, 0, 8), (64, 65, 1, 83))


def _score(used, monkeypatch=None, block=None):
  """Scores and counts after one step of two problems of four beams."""
  if monkeypatch and block:
    monkeypatch.setattr(encode_loop, "block_size", lambda *_: block)
  model = dataclasses.replace(tiny.reward_model(), hardware=used)
  limits = decoding.Limits(prompt_tokens=9, step_tokens=C, total_tokens=90)
  reward = decoding.ModelReward(model, limits, 4)
  tokens = jax.random.randint(jax.random.key(0), (2, 4, C), 3, 18)
  step = base.Step(
    status=jnp.zeros((2, 4), jnp.int32),
    num_tokens=jnp.array(LENGTHS),
    content=decoding.StepTokens(
      tokens, jnp.array(LENGTHS), *jnp.zeros((2, 2, 4))
    ),
  )
  prompts = jax.tree.map(
    lambda *leaves: jnp.concatenate(leaves),
    *(decoding.pad_prompt(i, tiny.prompts(3)[i], limits) for i in (1, 2)),
  )
  state = jax.jit(reward.start)(model.params, prompts)
  state, scores = jax.jit(reward.score)(
    model.params, state, step, jnp.array([[1, 1, 1, 1], [1, 0, 1, 1]], bool)
  )
  return scores, state.counts, state.cache.lengths


@pytest.mark.parametrize("block", [5, 64, 83])
def test_scores_do_not_depend_on_the_block(block, monkeypatch):
  expected = _score(CPU)
  _check_same(_score(CPU, monkeypatch, block), expected)


@pytest.mark.parametrize("kind", ["TPU v5 lite", "TPU v6 lite"])
def test_scores_do_not_depend_on_the_target(kind):
  rows = math.prod(np.shape(LENGTHS))
  assert encode_loop.block_size(_chip(kind), rows, C) in (32, 80)
  _check_same(_score(_chip(kind)), _score(CPU))


def _check_same(result, expected):
  (scores, counts, lengths) = expected
  assert np.ptp(scores) > 0.05
  assert counts.decode.tolist() == [108, 148]
  np.testing.assert_allclose(result[0], scores, atol=1e-5)
  jax.tree.map(np.testing.assert_array_equal, result[1:], (counts, lengths))
