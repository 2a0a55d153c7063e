"""The line of size against budget: the paper's numbers, and known t tables."""

import numpy as np
import pytest

from inference_scaling.analysis.comparison import regression
from inference_scaling.analysis.estimates import intervals

SIZES = np.array([4.1e8, 1.4e9, 2.8e9, 6.9e9, 1.2e10])  # Pythia
SLOPE, INTERCEPT = 1.19, 2.03  # of the paper


def _budgets(sizes):
  return 10 ** (SLOPE * np.log10(sizes) + INTERCEPT)


def test_recovers_the_papers_line_from_points_on_it():
  line = regression.fit_line(_budgets(SIZES), SIZES)
  assert line.slope == pytest.approx(SLOPE, abs=1e-9)
  assert line.intercept == pytest.approx(INTERCEPT, abs=1e-8)
  assert line.slope_error == pytest.approx(0, abs=1e-9)


def test_errors_hold_the_papers_line_as_often_as_they_say():
  rng = np.random.default_rng(0)
  sizes = np.repeat(SIZES, 4)
  reach = intervals.student_quantile(0.95, len(sizes) - 2)
  held = np.zeros(2)
  for _ in range(1000):
    noisy = _budgets(sizes) * 10 ** rng.normal(0, 0.3, len(sizes))
    line = regression.fit_line(noisy, sizes)
    held[0] += abs(line.slope - SLOPE) <= reach * line.slope_error
    held[1] += abs(line.intercept - INTERCEPT) <= reach * line.intercept_error
  assert ((held > 930) & (held < 970)).all()


def test_agrees_with_polyfit():
  rng = np.random.default_rng(1)
  noisy = _budgets(SIZES) * 10 ** rng.normal(0, 0.3, len(SIZES))
  line = regression.fit_line(noisy, SIZES)
  x, y = np.log10(SIZES), np.log10(noisy)
  (slope, intercept), covariance = np.polyfit(x, y, 1, cov=True)
  assert line.slope == pytest.approx(slope)
  assert line.intercept == pytest.approx(intercept)
  errors = np.sqrt(np.diag(covariance))
  assert line.slope_error == pytest.approx(errors[0])
  assert line.intercept_error == pytest.approx(errors[1])


def test_a_line_and_its_errors_in_numbers():
  budgets = [3e6, 2e7, 2.5e7, 3e8, 1.1e9]
  line = regression.fit_line(budgets, [1e5, 4e5, 4e5, 1.7e6, 1.7e6])
  expected = 1.914705201521933, -3.2380907066205245
  errors = 0.26908946291990754, 1.5476885313939026
  assert line == pytest.approx((*expected, *errors), rel=1e-12)


def test_two_points_have_a_line_without_error():
  line = regression.fit_line([1e6, 1e8], [1e3, 1e4])
  assert line.slope == pytest.approx(2) and np.isnan(line.slope_error)


def test_one_size_is_refused():
  with pytest.raises(ValueError, match="at least two distinct sizes"):
    regression.fit_line([1e6, 1e8], [1e3, 1e3])


@pytest.mark.parametrize(
  ("budgets", "sizes"),
  [([1e6, 0.0], [1, 2]), ([1e6, 1e7], [1, -2]), ([1e6, np.inf], [1, 2])],
)
def test_numbers_without_a_logarithm_are_refused(budgets, sizes):
  with pytest.raises(ValueError, match="not all positive, finite"):
    regression.fit_line(budgets, sizes)


def test_many_lines_at_once():
  x = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]])
  slope, intercept = regression.least_squares(x, np.array([2.0, 4.0, 8.0]))
  assert (slope[0], intercept[0]) == pytest.approx((2, 0))
  assert np.isnan(slope[1]) and np.isnan(intercept[1])
