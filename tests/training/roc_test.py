import itertools

import numpy as np
import pytest

from inference_scaling.training import roc


def draw(seed, count=60):
  random = np.random.default_rng(seed)
  labels = random.random(count) < 0.6
  # Few distinct scores, so that there are ties.
  scores = np.round(random.random(count) * 0.7 + 0.3 * labels, 1)
  return labels, scores


@pytest.mark.parametrize("seed", range(5))
def test_area_is_the_share_of_pairs_in_order(seed):
  labels, scores = draw(seed)
  pairs = itertools.product(scores[labels], scores[~labels])
  points = [1.0 if g > b else 0.5 if g == b else 0.0 for g, b in pairs]
  assert roc.roc_area(labels, scores) == pytest.approx(np.mean(points))


def test_area_of_a_perfect_and_of_a_blind_score():
  labels = np.array([True, False, True])
  assert roc.roc_area(labels, np.array([0.9, 0.1, 0.8])) == 1.0
  assert roc.roc_area(labels, np.full(3, 0.5)) == 0.5


def test_area_needs_good_and_bad():
  assert np.isnan(roc.roc_area(np.ones(3, bool), np.arange(3.0)))


@pytest.mark.parametrize("seed", range(3))
def test_area_under_the_curve_is_the_area(seed):
  labels, scores = draw(seed)
  false, true = roc.roc_curve(labels, scores)
  assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
  area = np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)
  assert area == pytest.approx(roc.roc_area(labels, scores))


def test_calibration_bins():
  scores = np.array([0.05, 0.07, 0.95, 1.0])
  labels = np.array([False, True, True, True])
  means, shares, counts = roc.calibration(labels, scores)
  np.testing.assert_allclose(means, [0.06, 0.975])
  np.testing.assert_allclose(shares, [0.5, 1.0])
  np.testing.assert_array_equal(counts, [2, 2])
