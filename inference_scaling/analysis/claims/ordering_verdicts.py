"""How the paper orders strategies: verdicts from the tables of differences."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from inference_scaling.analysis import frames, strategies, wording
from inference_scaling.analysis.claims.verdicts import (
  NO_DATA,
  Verdict,
  share,
)
from inference_scaling.analysis.comparison import equal_budget


def ordering_verdicts(
  claims: Mapping[str, pd.DataFrame],
  differences: pd.DataFrame,
  aggregation: str,
  convention: str,
) -> list[Verdict]:
  """Verdicts on the order of REBASE, sampling and MCTS.

  A claim is shown if its 95% interval excludes zero on the claimed side for
  every policy, and shown in part if for some.

  Args:
    claims: voting_gap and hard_gain.
    differences: of `equal_budget.mean_difference`.
    aggregation: of weighted voting; NO_AGGREGATION stands for majority voting.
    convention: FLOPs convention of the differences.

  Returns:
    One Verdict per claim.
  """
  main = equal_budget.main_part(differences, aggregation, convention)
  rebase, mcts = (
    _of_kind(main, k) for k in (strategies.REBASE, strategies.MCTS)
  )
  gaps = _of_kind(claims["voting_gap"], strategies.REBASE)
  if not gaps.empty:
    gaps = gaps.loc[gaps.groupby("policy", sort=False)["n"].idxmax()]
  hard = _of_kind(claims["hard_gain"], strategies.REBASE)
  return [
    _verdict(
      "REBASE is ahead of sampling at the same FLOPs, on average over the"
      " budgets of both",
      rebase,
      lambda row: row["difference_low"] > 0,
      lambda row: f"{row['policy']} {wording.points(row, 'difference')}",
    ),
    _verdict(
      "MCTS is behind sampling at the same FLOPs, on average over the budgets"
      " of both",
      mcts,
      lambda row: row["difference_high"] < 0,
      lambda row: f"{row['policy']} {wording.points(row, 'difference')}",
    ),
    _verdict(
      "REBASE's lead over sampling is larger on hard problems than on easy"
      " ones",
      hard,
      lambda row: row["difference_low"] > 0,
      lambda row: (
        f"{row['policy']} hard {wording.points(row, 'hard')}, easy"
        f" {wording.points(row, 'easy')}: {wording.points(row, 'difference')}"
      ),
    ),
    _verdict(
      "Weighted voting adds less to majority voting under REBASE than under"
      " sampling",
      gaps,
      lambda row: row["difference_low"] > 0,
      lambda row: (
        f"{row['policy']} n = {row['n']}: {wording.points(row, 'gap')} against"
        f" {wording.points(row, 'sampling_gap')}"
      ),
    ),
  ]


def _of_kind(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
  """The rows of the main strategy of a kind."""
  if frame.empty:
    return frame
  main = strategies.main_of(kind, frame["strategy"])
  return frames.select(frame, strategy=main)


def _verdict(
  claim: str,
  frame: pd.DataFrame,
  holds: Callable[[dict[str, Any]], bool],
  write: Callable[[dict[str, Any]], str],
) -> Verdict:
  """The verdict on a claim about every row of a table."""
  rows = frames.records(frame)
  if not rows:
    return Verdict(claim, NO_DATA, "no such strategies to compare")
  return Verdict(
    claim,
    share([holds(row) for row in rows]),
    "; ".join(write(row) for row in rows),
  )
