"""The plan's bound on a token step, by hand."""

import pytest

from inference_scaling.benchmark.measurements import predicted, roofline
from inference_scaling.models.layers import hardware
from inference_scaling.plan import chips


def test_a_step_takes_the_longer_of_reading_and_computing():
  reads = roofline.TokenStep(3_000_000_000, 1_800_000_000, 1)
  assert predicted.seconds(reads, "NVIDIA H200") == pytest.approx(1e-3)
  computes = roofline.TokenStep(1, 1, 918_000_000_000)
  assert predicted.seconds(computes, "TPU v6 lite") == pytest.approx(1e-3)


def test_nothing_is_predicted_of_an_unknown_device():
  assert predicted.seconds(roofline.TokenStep(1, 1, 1), "cpu") is None


def test_each_chip_of_the_plan_has_a_device():
  assert set(predicted._CHIPS.values()) == set(chips.CHIPS)
  assert set(predicted._CHIPS) <= set(hardware._RATES)
