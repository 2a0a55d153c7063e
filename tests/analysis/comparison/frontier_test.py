"""Pareto frontier, budgets and interpolation by hand and by brute force."""

import numpy as np
import pytest

from inference_scaling.analysis.comparison import frontier


def test_pareto_mask_by_hand():
  flops = [1, 2, 2, 3, 4, np.nan]
  error = [0.5, 0.4, 0.6, 0.4, 0.1, 0.0]
  expected = [True, True, False, False, True, False]
  assert frontier.pareto_mask(flops, error).tolist() == expected


def test_pareto_mask_against_a_running_minimum():
  rng = np.random.default_rng(0)
  for _ in range(50):
    flops, error = rng.integers(1, 9, (2, 30)).astype(float)
    got = frontier.pareto_mask(flops, error)
    for i in range(30):
      cheaper = error[flops < flops[i]].min(initial=np.inf)
      equal = error[flops == flops[i]].min()
      assert got[i] == (error[i] < cheaper and error[i] == equal)


def test_budget_grid_spans_the_range_evenly():
  got = frontier.budget_grid([8.0, 1.0, 3.0])
  np.testing.assert_allclose(got, [1, 2, 4, 8])
  np.testing.assert_allclose(frontier.budget_grid([5.0]), [5])
  with pytest.raises(ValueError, match="positive, finite"):
    frontier.budget_grid([0.0, 1.0])


def test_interpolation_is_linear_in_log_flops():
  flops = [1e6, 1e8]
  values = np.array([[0.0, 1.0], [0.5, 0.5]])
  got = frontier.interpolate_at(flops, values, 1e7)
  np.testing.assert_allclose(got, [0.5, 0.5])
  np.testing.assert_array_equal(
    frontier.interpolate_at(flops, values, 1e6), values[:, 0]
  )
  np.testing.assert_array_equal(
    frontier.interpolate_at(flops, values, 1e9), values[:, 1]
  )
  assert np.isnan(frontier.interpolate_at(flops, values, 1e5)).all()
  single = frontier.interpolate_at([1e6], values[:, :1], 2e6)
  np.testing.assert_array_equal(single, values[:, 0])


def test_interpolation_ignores_missing_neighbours_that_it_does_not_need():
  values = np.array([[0.25, np.nan, 0.75]])
  assert frontier.interpolate_at([1, 2, 4], values, 4).item() == 0.75
  assert np.isnan(frontier.interpolate_at([1, 2, 4], values, 3)).all()


def test_interpolation_refuses_costs_that_do_not_rise():
  with pytest.raises(ValueError, match="do not rise"):
    frontier.interpolate_at([2, 1], np.zeros((1, 2)), 1)
