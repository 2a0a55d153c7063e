"""The votes of one record: every voting method over its candidates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference_scaling import names, voting
from inference_scaling.spec import record


def make_votes(
  candidates: Sequence[Mapping[str, Any]], aggregations: Sequence[str]
) -> dict[str, dict[str, Any]]:
  """Lets the candidates vote.

  Args:
    candidates: of a record.
    aggregations: names of `names.AGGREGATIONS`; none where there are no
      rewards, which leaves majority voting.

  Returns:
    The `votes` of a record: for "majority" and, for each aggregation,
    "best_of_n/..." and "weighted/...", the winning answer (None if all
    abstain, or there are no candidates) and whether it is correct.
  """
  ids = voting.class_ids([candidate["answer"] for candidate in candidates])
  winners = [voting.majority(ids)]
  if aggregations:
    steps = [candidate["step_scores"] for candidate in candidates]
    table = voting.pad_steps(steps)
    scores = np.stack([voting.aggregate(*table, how) for how in aggregations])
    voters = np.broadcast_to(ids, scores.shape)
    winners.extend(voting.best_of_n(voters, scores))
    winners.extend(voting.weighted(voters, scores))
  # All candidates with one answer have one grade; no answer is not right.
  outcomes: dict[int, dict[str, Any]] = {
    number: record.to_json(
      record.Vote(answer=candidate["answer"], correct=candidate["correct"])
    )
    for number, candidate in zip(ids.tolist(), candidates, strict=True)
  }
  outcomes[voting.ABSTAIN] = record.to_json(
    record.Vote(answer=None, correct=False)
  )
  return {
    name: outcomes[int(winner)]
    for name, winner in zip(vote_names(aggregations), winners, strict=True)
  }


def vote_names(aggregations: Sequence[str]) -> list[str]:
  """Names of the votes, in the order of a record; see `make_votes`."""
  scored = [
    names.vote_name(method, how)
    for method in names.SCORED
    for how in aggregations
  ]
  return [names.MAJORITY, *scored]


def shown(aggregations: Sequence[str]) -> str:
  """Name of the vote that progress reports show; see `make_votes`."""
  if not aggregations:
    return names.MAJORITY
  how = names.LAST if names.LAST in aggregations else aggregations[0]
  return names.vote_name(names.WEIGHTED, how)
