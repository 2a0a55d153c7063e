"""Bootstrap intervals: coverage of a known truth, pairing, missing values."""

import math

import numpy as np
import pytest

from inference_scaling.analysis.estimates import intervals


def simulate(rng, problems, repetitions, seeds=3):
  """Accuracies [problems, repetitions], averaged over seeds; truth 2/3."""
  chance = rng.beta(2, 1, (problems, repetitions))
  return rng.binomial(seeds, chance) / seeds


# Columns are repetitions: they share resamples, which keeps coverage.
@pytest.mark.parametrize("problems", [20, 50, 120])
def test_interval_covers_the_truth_in_93_to_97_percent(problems):
  values = simulate(np.random.default_rng(11), problems, 1000)
  got = intervals.mean_interval(values, num_resamples=1000)
  covered = np.mean((got.low <= 2 / 3) & (2 / 3 <= got.high))
  assert 0.93 <= covered <= 0.97


def test_the_mean_of_64_samples_of_30_problems_is_covered():
  """As of the AIME: a third of the problems is never solved, some always."""
  random = np.random.default_rng(5)
  shape = 30, 2000
  chances = np.where(random.random(shape) < 1 / 3, 0.0, random.beta(
    0.6, 0.8, shape
  ))  # fmt: skip
  truth = 2 / 3 * 0.6 / 1.4
  _, low, high = intervals.mean_interval(random.binomial(64, chances) / 64)
  assert 0.93 < np.mean((low <= truth) & (truth <= high)) < 0.97
  # More samples cannot make up for few problems.
  _, exact_low, exact_high = intervals.mean_interval(chances)
  assert np.mean(exact_high - exact_low) > 0.95 * np.mean(high - low)


@pytest.mark.parametrize("problems", [20, 50, 120])
def test_paired_difference_covers_its_truth_and_is_narrower(problems):
  rng = np.random.default_rng(5)
  chance = rng.beta(2, 1, (problems, 1000))
  accuracy = rng.binomial(20, 0.9 * chance) / 20
  baseline = rng.binomial(20, chance) / 20
  truth = -0.1 * 2 / 3
  got = intervals.mean_interval(accuracy - baseline, num_resamples=1000)
  covered = np.mean((got.low <= truth) & (truth <= got.high))
  assert 0.93 <= covered <= 0.97
  alone = intervals.mean_interval(accuracy, num_resamples=1000)
  assert np.mean(got.high - got.low) < np.mean(alone.high - alone.low)


def test_columns_with_fewer_problems_reach_further_out():
  values = np.random.default_rng(3).random((40, 1)) * np.ones(2)
  values[10:, 1] = np.nan
  both = intervals.mean_interval(values)
  few = intervals.mean_interval(values[:, 1:])
  assert (both.low[1], both.high[1]) == (few.low[0], few.high[0])
  # Of the few, as wide as Student's interval: wider than percentiles.
  half = values[:10, 0].std(ddof=1) / np.sqrt(10) * 2.262
  assert (both.high - both.low)[1] / 2 == pytest.approx(half, rel=0.08)


@pytest.mark.parametrize(
  ("confidence", "degrees", "expected"),
  [(0.95, 1, 12.706), (0.95, 9, 2.262), (0.99, 5, 4.032), (0.9, 300, 1.650)],
)
def test_students_quantiles_are_those_of_tables(confidence, degrees, expected):
  got = intervals.student_quantile(confidence, degrees)
  assert got == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_students_quantiles_have_closed_forms_for_few_degrees(confidence):
  # Of 1, 2 and 4 degrees: Shaw, Journal of Computational Finance 9, 2006.
  inside = 1 - confidence**2
  angle = math.acos(math.sqrt(inside)) / 3
  expected = {
    1: math.tan(math.pi * confidence / 2),
    2: confidence * math.sqrt(2 / inside),
    4: 2 * math.sqrt(math.cos(angle) / math.sqrt(inside) - 1),
  }
  for degrees, value in expected.items():
    got = intervals.student_quantile(confidence, degrees)
    assert got == pytest.approx(value, rel=1e-12)
  assert math.isnan(intervals.student_quantile(confidence, 0))


def test_interval_agrees_with_the_normal_one():
  values = np.random.default_rng(0).normal(3, 2, 400)
  got = intervals.mean_interval(values, num_resamples=2000)
  half = 1.96 * values.std() / np.sqrt(len(values))
  assert got.mean == pytest.approx(values.mean())
  assert got.high - got.mean == pytest.approx(half, rel=0.1)
  assert got.mean - got.low == pytest.approx(half, rel=0.1)


def test_paired_interval_is_that_of_the_differences():
  rng = np.random.default_rng(2)
  accuracy, baseline = rng.random((2, 50))
  accuracy[3], baseline[7] = np.nan, np.nan
  got = intervals.paired_interval(accuracy, baseline)
  both = np.isfinite(accuracy - baseline)
  assert both.sum() == 48
  assert got.mean == pytest.approx((accuracy[both] - baseline[both]).mean())
  assert got.low < got.mean < got.high
  swapped = intervals.paired_interval(baseline, accuracy)
  assert swapped.low == pytest.approx(-got.high)


def test_resampled_means_equal_resampling_by_index():
  values = np.random.default_rng(4).random((9, 2))
  values[2, 1] = np.nan
  got = intervals.resampled_means(values, num_resamples=50, seed=6)
  counts = np.random.default_rng(6).multinomial(9, np.full(9, 1 / 9), size=50)
  for row, count in enumerate(counts):
    drawn = np.repeat(values, count, axis=0)
    np.testing.assert_allclose(got[row], np.nanmean(drawn, axis=0))


def test_confidence_widens_the_interval():
  values = np.random.default_rng(1).random(60)
  narrow = intervals.mean_interval(values, confidence=0.5)
  wide = intervals.mean_interval(values, confidence=0.99)
  assert wide.low < narrow.low < narrow.high < wide.high


def test_seeded():
  values = np.random.default_rng(1).random(60)
  assert intervals.mean_interval(values) == intervals.mean_interval(values)
  other = intervals.mean_interval(values, seed=1)
  assert other.low != intervals.mean_interval(values).low


def test_one_problem_has_no_interval_and_none_has_no_mean():
  one = intervals.mean_interval(np.array([1.0, np.nan]))
  assert one.mean == 1 and np.isnan(one.low) and np.isnan(one.high)
  none = intervals.mean_interval(np.full((3, 1), np.nan))
  assert np.isnan(none.mean).all()


def test_bad_shapes_are_refused():
  with pytest.raises(ValueError, match="same problems"):
    intervals.paired_interval(np.zeros(3), np.zeros(4))
  with pytest.raises(ValueError, match="at least one problem"):
    intervals.resampled_means(np.zeros((0, 2)))
