"""Random problems with everything that a vote can meet."""

import numpy as np
import pytest

from tests.analysis import by_hand


def problems(n, count=24, seed=7):
  """Answers, correct and scores [count, n] with ties, silence and NaN.

  Two of five answers are right; scores are few, and some are missing.
  """
  rng = np.random.default_rng([seed, n])
  answers = rng.integers(-1, 5, (count, n))
  correct = (answers == 1) | (answers == 3)
  scores = rng.integers(0, 4, (count, n)) / 4
  scores[rng.random((count, n)) < 0.1] = np.nan
  answers[0], correct[0] = -1, False  # all abstain
  answers[1], correct[1], scores[1] = 3, True, 0.0  # weights of 0
  answers[2] = np.arange(n) % 2 * 3  # two answers, the right one ties last
  correct[2], scores[2] = answers[2] == 3, 0.5
  scores[3] = np.nan
  return answers, correct, scores


def candidates(answers, correct, scores):
  """One problem as a list for `by_hand`."""
  return [
    (None if answer < 0 else int(answer), bool(right), float(score))
    for answer, right, score in zip(answers, correct, scores, strict=True)
  ]


def assert_every_subset(vote, estimate, drawn):
  """Holds an exact estimate of sizes 1 to N against every subset.

  Args:
    vote: of `by_hand`.
    estimate: of all sizes from 1 on.
    drawn: from `problems`.
  """
  answers = drawn[0]
  assert estimate.accuracy.shape == answers.shape[::-1]
  assert not estimate.variance.any()
  for p, problem in enumerate(zip(*drawn, strict=True)):
    mine = candidates(*problem)
    for row, accuracy in enumerate(estimate.accuracy[:, p]):
      expected = float(by_hand.over_subsets(vote, mine, row + 1))
      assert accuracy == pytest.approx(expected, abs=1e-12)
