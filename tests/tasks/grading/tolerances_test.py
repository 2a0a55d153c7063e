"""Answers within a published tolerance."""

import pytest

from inference_scaling import tasks
from inference_scaling.tasks.grading import tolerances


@pytest.mark.parametrize(
  ("gold", "answer", "allowed", "close"),
  [
    ("79.67", "79.62", (0.1,), True),
    ("79.67", "79.5", (0.1,), False),
    ("79.67", "79.57", (0.1,), True),  # just on it
    ("79.67", r"x=79.6", (0.1,), True),
    ("3.1", r"\pi", (0.1,), True),
    ("5", "6", (1,), True),
    ("5", "7", (1,), False),
    ("5", "5", (0,), True),
    ("1.5, 2", "2, 1.45", (0.1, 0), True),
    ("1.5, 2", "1.45, 2.05", (0.1, 0), False),
    ("1.5, 2", "1.45, 2.05", (0.1,), True),
    ("1.5, 2", "1.5", (0.1,), False),
    ("1.5, 2", "1.5, 1.5", (0.1,), False),
    # The first would take the other's only partner.
    ("1, 1.1", "1.05, 0.95", (0.1,), True),
    ("1, 1.1, x", "1.05, x, 0.95", (0.1,), True),
    ("1, 2, 3", "1, 2, 3", (0.1, 0.1), False),
    ("2x", "2.05x", (0.1,), False),
    ("(1, 2)", "(1.05, 2)", (0.1,), False),
    ("5", "i", (9,), False),
    ("5", "1/0", (9,), False),
    ("5", "no number", (9,), False),
  ],
)
def test_each_number_needs_a_partner(gold, answer, allowed, close):
  assert tolerances.is_close(gold, answer, "either", allowed) is close


def test_the_grader_takes_tolerances_for_one_question_only():
  with tasks.Grader() as grader:
    assert grader.grade("5", "6", (1,))
    assert not grader.grade("5", "6")
    assert not grader.grade("5", "6", (0.5,))
    assert grader.grade(["8", "5"], "6", (1,))
    assert not grader.grade("5", None, (1,))
    assert not grader.grade("5", "a word", (1,))
