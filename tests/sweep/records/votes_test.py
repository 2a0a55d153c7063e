"""The votes of a record against plain Python counting."""

import math

import numpy as np
import pytest

from inference_scaling import names
from inference_scaling.sweep.records import votes

REDUCE = {
  "last": lambda scores: scores[-1],
  "min": min,
  "mean": lambda scores: sum(scores) / len(scores),
  "product": math.prod,
}


def candidate(answer, *scores, gold="7"):
  return {
    "answer": answer, "correct": answer == gold, "step_scores": list(scores)
  }  # fmt: skip


def winner(points):
  """Most points; of equal ones the answer that sorts first."""
  if not points:
    return None
  return min(points, key=lambda answer: (-points[answer], answer))


def expected(candidates):
  voters = [c for c in candidates if c["answer"] is not None]
  counts = {}
  for c in voters:
    counts[c["answer"]] = counts.get(c["answer"], 0) + 1
  result = {"majority": winner(counts)}
  for how in names.AGGREGATIONS:
    best, total = {}, {}
    for c in voters:
      score = REDUCE[how](c["step_scores"])
      best[c["answer"]] = max(best.get(c["answer"], -1), score)
      total[c["answer"]] = total.get(c["answer"], 0) + score
    result[f"best_of_n/{how}"] = winner(best)
    result[f"weighted/{how}"] = winner(total)
  return result


def assert_votes_are_counts(candidates):
  cast = votes.make_votes(candidates, names.AGGREGATIONS)
  wanted = expected(candidates)
  assert {name: vote["answer"] for name, vote in cast.items()} == wanted
  for vote in cast.values():
    assert vote["correct"] is (vote["answer"] == "7")


def test_methods_that_disagree_each_find_their_own():
  candidates = [
    candidate("3", 0.9, 0.1),
    candidate("3", 0.9, 0.1),
    candidate("3", 0.8, 0.15),
    candidate("7", 0.2, 0.9),
    candidate("9", 0.5, 0.5),
    candidate("9", 0.6, 0.5),
  ]
  assert_votes_are_counts(candidates)
  cast = votes.make_votes(candidates, names.AGGREGATIONS)
  assert cast["majority"]["answer"] == "3"
  assert cast["best_of_n/last"] == {"answer": "7", "correct": True}
  assert cast["weighted/last"]["answer"] == "9"


@pytest.mark.parametrize("seed", range(10))
def test_random_votes_agree_with_counting(seed):
  rng = np.random.default_rng(seed)
  candidates = []
  for _ in range(6):
    # Eighths: sums and products of a few are exact in float32.
    scores = rng.integers(1, 9, size=rng.integers(1, 5)) / 8
    answer = rng.choice(["7", "12", "-1", None])
    candidates.append(candidate(answer, *scores.tolist()))
  assert_votes_are_counts(candidates)
  assert_votes_are_counts(candidates[::-1])


def test_nobody_answers():
  candidates = [candidate(None, 0.1 * i) for i in range(6)]
  cast = votes.make_votes(candidates, names.AGGREGATIONS)
  assert list(cast) == votes.vote_names(names.AGGREGATIONS)
  for vote in cast.values():
    assert vote == {"answer": None, "correct": False}


def test_only_the_asked_aggregations_vote():
  cast = votes.make_votes([candidate("7", 0.5)], ("min",))
  assert list(cast) == ["majority", "best_of_n/min", "weighted/min"]


def test_the_vote_that_progress_shows_is_always_there():
  for how in names.AGGREGATIONS:
    assert votes.shown((how,)) == f"weighted/{how}"
  assert votes.shown(names.AGGREGATIONS[::-1]) == "weighted/last"


@pytest.mark.parametrize(
  ("answers", "right"),
  [
    (["8", "7", "7"], True),
    (["8", "8", "7"], False),
    (["8", "7"], True),  # a tie: the answer that sorts first
    ([None, None], False),
  ],
)
def test_without_rewards_there_is_majority_voting_alone(answers, right):
  candidates = [candidate(answer) for answer in answers]
  cast = votes.make_votes(candidates, ())
  assert list(cast) == votes.vote_names(()) == ["majority"]
  assert cast["majority"]["correct"] is right
  assert cast == {
    "majority": votes.make_votes(
      [c | {"step_scores": [0.5]} for c in candidates], ("last",)
    )["majority"]
  }
  assert votes.shown(()) == "majority"
