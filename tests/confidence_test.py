"""Statistics of tokens, filters and weights, beside plain loops."""

import numpy as np
import pytest

from inference_scaling import confidence, names, voting


def by_hand(values, window, tail):
  """Every statistic, by its definition."""
  values = [float(value) for value in values]
  groups = [
    sum(values[i : i + window]) / window
    for i in range(len(values) - window + 1)
  ] or [sum(values) / len(values)]
  bottom = sorted(groups)[: max(1, int(0.1 * len(groups)))]
  end = values[-tail:]
  return {
    "mean": sum(values) / len(values),
    "lowest": min(groups),
    "tail": sum(end) / len(end),
    "bottom": sum(bottom) / len(bottom),
  }


@pytest.mark.parametrize("window", [1, 3, 20])
@pytest.mark.parametrize("size", [1, 2, 3, 19, 20, 21, 60])
def test_statistics_are_those_of_the_definition(size, window):
  values = np.random.default_rng(size).uniform(1, 9, size).astype(np.float32)
  made = confidence.statistics(values, window, 7)
  assert tuple(made) == names.STATISTICS
  assert made == pytest.approx(by_hand(values, window, 7), rel=1e-9)


@pytest.mark.parametrize("percent", [10, 90, 25, 100])
def test_a_filter_keeps_what_reaches_the_percentile(percent):
  random = np.random.default_rng(percent)
  for size in (1, 2, 5, 10, 11, 16, 21, 64):
    scores = random.integers(0, 12, (20, size)) / 4  # with ties
    answering = random.random((20, size)) < 0.8
    kept = confidence.is_top(answering, scores, percent)
    for row, who, those in zip(scores, answering, kept, strict=True):
      if not who.any():
        assert not those.any()
        continue
      bar = np.percentile(row[who], 100 - percent)
      np.testing.assert_array_equal(those, who & (row >= bar - 1e-9))


def test_as_many_are_kept_as_the_docstring_says():
  scores, everyone = np.arange(16.0), np.ones(16, bool)
  assert confidence.is_top(everyone, scores, 10).sum() == 2
  assert confidence.is_top(everyone, scores, 90).sum() == 14


def test_weights_are_a_softmax_but_for_a_factor():
  scores = np.array([[0.2, 1.4, -3.0], [5.0, 5.0, 5.0]])
  weights = confidence.softmax_weights(True, scores, 0.7)
  exponents = np.exp(scores / 0.7)
  np.testing.assert_allclose(
    weights / weights.sum(axis=1, keepdims=True),
    exponents / exponents.sum(axis=1, keepdims=True),
  )
  cold = confidence.softmax_weights(True, [1e4, -1e4, np.nan], 1e-3)
  np.testing.assert_array_equal(cold, [1.0, 0.0, np.nan])


def test_what_abstains_takes_no_weight_from_those_that_answer():
  answers, scores = [0, 1, 1, voting.ABSTAIN], [12.0, 12.1, 12.2, 26.0]
  for method in (*confidence.PERCENTS, names.SOFTMAX):
    assert confidence.vote(answers, scores, method, 0.1) == 1


def test_votes_of_equal_scores_are_majority_votes():
  random = np.random.default_rng(2)
  answers = random.integers(-1, 4, (30, 9))
  everyone = np.ones((30, 9))
  wanted = voting.majority(answers)
  for method in (*confidence.PERCENTS, names.SOFTMAX):
    np.testing.assert_array_equal(
      confidence.vote(answers, everyone, method), wanted
    )
