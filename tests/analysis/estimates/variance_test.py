"""Variance components: closed forms, unbiasedness, what more data removes."""

import math

import numpy as np
import pytest

from inference_scaling.analysis.estimates import outcomes, variance
from inference_scaling.analysis.records import load
from tests.analysis import factory


def test_split_worked_by_hand():
  # Means 1/4, 1/2, 1; variances within 1/8, 1/2, 0; mean of means 7/12.
  got = variance.variance_split([[0, 0.5], [0, 1], [1, 1]])
  between = (1 / 9 + 1 / 144 + 25 / 144) / 2
  assert got.sampling == pytest.approx(5 / 24)
  assert got.problems == pytest.approx(between - 5 / 48)
  assert got.standard_error == pytest.approx(math.sqrt(between / 3))
  assert got.sampling_share == pytest.approx(5 / 48 / between)


def test_components_are_unbiased():
  rng = np.random.default_rng(0)
  P, S, repetitions = 30, 4, 3000
  chance = rng.beta(2, 3, (repetitions, P, 1))
  accuracy = rng.random((repetitions, P, S)) < chance
  splits = [variance.variance_split(a) for a in accuracy]
  mean, spread = 2 / 5, 2 * 3 / (5**2 * 6)  # of the Beta
  noise = mean * (1 - mean) - spread
  for name, expected in (("problems", spread), ("sampling", noise)):
    estimates = np.array([getattr(split, name) for split in splits])
    error = estimates.std() / np.sqrt(len(estimates))
    assert abs(estimates.mean() - expected) < 4 * error
  whole = np.mean([split.standard_error**2 for split in splits])
  measured = accuracy.mean(axis=(1, 2)).var()
  assert whole == pytest.approx(measured, rel=0.12)
  assert measured == pytest.approx((spread + noise / S) / P, rel=0.12)


def test_more_seeds_and_more_problems_remove_what_the_model_says():
  rng = np.random.default_rng(1)
  accuracy = (rng.random((50, 3)) < rng.random((50, 1))).astype(float)
  split = variance.variance_split(accuracy)
  for problems, seeds in ((50, 3), (100, 3), (50, 6), (7, 11)):
    expected = (split.problems + split.sampling / seeds) / problems
    got = split.error_with(problems=problems, seeds=seeds)
    assert got == pytest.approx(math.sqrt(expected))
  without = split.error_with(seeds=math.inf)
  assert without == pytest.approx(math.sqrt(split.problems / 50))
  assert split.removed_with(problems=100) == pytest.approx(1 - math.sqrt(0.5))
  removed = split.removed_with(seeds=math.inf)
  assert (1 - removed) ** 2 == pytest.approx(1 - split.sampling_share)


def test_noise_alone_goes_with_seeds_and_problems_alone_do_not():
  noise = variance.variance_split([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
  assert noise.problems < 0  # unbiased, so below zero by chance
  fixed = variance.variance_split([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
  assert fixed.sampling == 0 and fixed.removed_with(seeds=math.inf) == 0
  same = variance.variance_split(np.ones((4, 2)))
  assert same.standard_error == 0 and same.removed_with(problems=8) == 0


def test_one_seed_or_one_problem_does_not_tell():
  one = variance.variance_split([[0.0], [1.0], [1.0]])
  assert math.isnan(one.sampling) and math.isnan(one.problems)
  assert one.standard_error == pytest.approx(math.sqrt(1 / 9))
  assert math.isnan(one.removed_with(seeds=2))
  assert one.removed_with(problems=12) == pytest.approx(0.5)
  single = variance.variance_split([[0.0, 1.0]])
  assert single.sampling == 0.5 and math.isnan(single.standard_error)
  with pytest.raises(ValueError, match=r"shape \(0, 2\)"):
    variance.variance_split(np.zeros((0, 2)))


def test_table_has_a_row_a_configuration():
  runs = (("greedy", 1), ("sampling", 4), ("rebase", 4))
  records = factory.sweep(8, ("small",), runs=runs, seeds=3)
  records.pop()  # some seed of REBASE lacks the last problem
  frame = outcomes.make_outcomes(
    [load.parse_record(r, f"x:{i}") for i, r in enumerate(records)]
  )
  table = variance.variance_table(frame).set_index(variance.KEYS)
  assert len(table) == len(frame.drop_duplicates(variance.KEYS))
  for key, row in table.iterrows():
    mine = frame.set_index(variance.KEYS).loc[[key]]
    wide = mine.pivot(index="problem", columns="seed", values="accuracy")
    wide = wide.dropna()
    assert row["problems"] == len(wide) == 8 - (key[1] == "rebase")
    assert row["seeds"] == wide.shape[1] == (1 if key[1] == "greedy" else 3)
    split = variance.variance_split(wide.to_numpy())
    assert row["standard_error"] == pytest.approx(split.standard_error)
    assert row["twice_problems"] in (0, pytest.approx(1 - math.sqrt(0.5)))
