import pytest

from inference_scaling import models
from inference_scaling.benchmark.measurements import (
  machine,
  roofline,
)
from inference_scaling.models import published
from inference_scaling.models.layers import hardware
from inference_scaling.plan import chips

# V = 10, D = 4, F = 6, two layers of 2 heads of 2, one kv head.
CONFIG = models.DecoderConfig(
  vocab_size=10, hidden_size=4, intermediate_size=6, num_layers=2,
  num_heads=2, num_kv_heads=1, head_dim=2, norm_eps=1e-5, rope_theta=1e4,
  max_position_embeddings=64, tie_word_embeddings=True, eos_token_ids=(),
)  # fmt: skip
# Queries and output 4 x 4, keys and values 4 x 2, three times 4 x 6.
MATRICES = 2 * (2 * 16 + 2 * 8 + 3 * 24)
NORMS = 5 * 4
STEP = dict(problems=2, samples=3, prompt_tokens=7, own_tokens=5)


def test_counts_of_a_token_step_by_hand():
  step = roofline.token_step(
    CONFIG, **STEP, dtype="bfloat16", cache_dtype="float32"
  )
  assert step.weight_bytes == 2 * (MATRICES + NORMS + 40)
  # Two prompts of 7 and six texts of 5, a key and a value of 2 in each layer.
  assert step.cache_bytes == (2 * 7 + 6 * 5) * 2 * (2 + 2) * 4
  # Each row attends to 13 positions: 4 numbers twice, in each layer.
  attention = 13 * 2 * 2 * 2 * 4
  assert step.flops == 6 * (2 * MATRICES + 2 * 40 + attention)


def test_an_embedding_of_its_own_is_not_read():
  untied = published.published_config("llemma_7b")
  step = roofline.token_step(
    untied, **STEP, dtype="bfloat16", cache_dtype="bfloat16"
  )
  # 6.74 billion parameters, less an embedding of 32,016 x 4,096.
  assert step.weight_bytes == pytest.approx(2 * (6.738e9 - 0.131e9), rel=1e-3)


def test_the_larger_of_reading_and_computing_counts():
  step = roofline.TokenStep(weight_bytes=60, cache_bytes=40, flops=1000)
  slow_products = machine.Rates({"float32": 10.0, "bfloat16": 1e3}, {}, 50.0)
  assert step.seconds(slow_products, "float32") == 100.0
  assert step.seconds(slow_products, "bfloat16") == 2.0


def test_a_step_takes_the_longer_of_reading_and_computing():
  reads = roofline.TokenStep(3_000_000_000, 1_800_000_000, 1)
  assert roofline.planned_seconds(reads, "NVIDIA H200") == pytest.approx(1e-3)
  computes = roofline.TokenStep(1, 1, 918_000_000_000)
  assert roofline.planned_seconds(computes, "TPU v6 lite") == pytest.approx(
    1e-3
  )


def test_nothing_is_predicted_of_an_unknown_device():
  assert roofline.planned_seconds(roofline.TokenStep(1, 1, 1), "cpu") is None


def test_each_chip_of_the_plan_has_a_device():
  assert set(roofline._CHIPS.values()) == set(chips.CHIPS)
  assert set(roofline._CHIPS) <= set(hardware._RATES)
