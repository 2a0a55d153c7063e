"""What the tables of claims show, in words with numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from inference_scaling.analysis import frames, strategies, wording
from inference_scaling.analysis.comparison import selection

SHOWN, NOT_SHOWN, NO_DATA = "shown", "not shown", "no data"
HEADLINE_SIZES = (16, 64)


class Verdict(NamedTuple):
  """One claim, whether the records show it, and the numbers."""

  claim: str
  verdict: str
  evidence: str


def verdicts(
  claims: Mapping[str, pd.DataFrame],
  policies: Sequence[str],
  convention: str,
) -> list[Verdict]:
  """Verdicts on the claims, from their tables.

  A claim is shown if its 95% interval excludes zero on the claimed side.

  Args:
    claims: growth, best_policy, search_gain and smaller_against_largest.
    policies: names, ordered by parameters.
    convention: FLOPs convention of the last claim.

  Returns:
    One Verdict per claim, in the order of the tables.
  """
  middle = policies[len(policies) // 2]
  # Verdicts are on the main strategy of each kind; tables have all.
  tables = {
    name: selection.main_variants(frame) for name, frame in claims.items()
  }
  return [
    *_growth(tables["growth"]),
    _best_policy(tables["best_policy"]),
    *_search_gain(tables["search_gain"], middle),
    _smaller(tables["smaller_against_largest"], policies[-1], convention),
  ]


def _growth(frame: pd.DataFrame) -> list[Verdict]:
  claims = ("Error falls as n grows", "The fall saturates")
  if frame.empty:
    return [Verdict(claim, NO_DATA, "fewer than three n") for claim in claims]
  falls = [low > 0 for low in frame["gain_low"]]
  slows = [low > 0 for low in frame["early_minus_late_low"]]
  best = frame.loc[frame["gain"].idxmax()]
  slowest = frame.loc[frame["early_minus_late"].idxmax()]
  return [
    Verdict(
      claims[0],
      share(falls),
      f"in {sum(falls)} of {len(frame)} curves; most for {_name(best)}:"
      f" accuracy {wording.points(best, 'gain')} points from n ="
      f" {best.n_first} to {best.n_last}",
    ),
    Verdict(
      claims[1],
      share(slows),
      f"in {sum(slows)} of {len(frame)} curves the first doublings gain more"
      f" than as many last ones; most for {_name(slowest)}:"
      f" {wording.points(slowest, 'early')} against"
      f" {wording.points(slowest, 'late')} points over"
      f" {slowest.points_compared} doublings",
    ),
  ]


def _best_policy(frame: pd.DataFrame) -> Verdict:
  claim = "The best policy size changes with the budget"
  if frame.empty:
    return Verdict(claim, NO_DATA, "fewer than two policies")
  kinds = frame["strategy"].map(strategies.kind_of)
  main = frame.loc[kinds.isin([strategies.SAMPLING, strategies.REBASE])]
  frame = frame if main.empty else main
  parts, shown, wins = [], False, {}
  for (strategy, voting), rows in frames.groups(frame, ["strategy", "voting"]):
    clear = list(dict.fromkeys(rows.loc[rows["lead_low"] > 0, "best"]))
    shown |= len(clear) > 1
    stages = rows.loc[rows["best"] != rows["best"].shift()]
    path = ", ".join(
      f"{row['best']} from {row['budget']:.2g}"
      for row in frames.records(stages)
    )
    parts.append(f"{wording.method(strategy, voting)}: {path}")
    wins |= {name: wins.get(name, 0) + 1 for name in clear}
  ahead = ", ".join(f"{name} with {count}" for name, count in wins.items())
  parts.append(
    "clearly ahead of the next best at some budget: "
    + (f"{ahead} of {len(parts)} methods" if ahead else "none")
  )
  return Verdict(claim, SHOWN if shown else NOT_SHOWN, "; ".join(parts))


def _search_gain(frame: pd.DataFrame, middle: str) -> list[Verdict]:
  results = []
  for n in HEADLINE_SIZES:
    ahead = n == HEADLINE_SIZES[0]
    claim = (
      f"Hard problems, policy {middle}: search + weighted voting"
      f" {'beats' if ahead else 'is not behind'} sampling + weighted voting at"
      f" n = {n}"
    )
    rows = frames.records(frames.select(frame, part="hard", policy=middle, n=n))
    if not rows:
      why = f"no hard problems run at n = {n}"
      if frame.empty:
        why = "no tree search and sampling to compare"
      results.append(Verdict(claim, NO_DATA, why))
      continue
    # "Not behind" is refuted by an interval that lies below zero.
    held = [
      row["difference_low"] > 0 if ahead else row["difference_high"] >= 0
      for row in rows
    ]
    evidence = "; ".join(
      f"{strategies.strategy_name(row['strategy'])} {row['accuracy']:.1%}"
      f" against {row['sampling_accuracy']:.1%}:"
      f" {wording.points(row, 'difference')} points; at the same FLOPs"
      f" {wording.points(row, 'equal_flops')}"
      for row in rows
    )
    results.append(Verdict(claim, share(held), evidence))
  return results


def _smaller(frame: pd.DataFrame, largest: str, convention: str) -> Verdict:
  claim = (
    f"Some smaller policy with search is ahead of {largest}'s majority voting"
    " at the same FLOPs"
  )
  if frame.empty:
    return Verdict(claim, NO_DATA, "no smaller policy with search to compare")
  parts, shown = [], False
  for (name,), rows in frames.groups(frame, ["convention"]):
    best = rows.loc[rows["low_corrected"].fillna(-1).idxmax()]
    ahead = best["low_corrected"] > 0
    shown |= bool(ahead) and name == convention
    parts.append(
      f"`{name}`: {best['policy']}"
      f" {strategies.strategy_name(best['strategy'])} n = {best['n']}"
      f" {wording.points(best, 'difference')} points at"
      f" {best['flops']:.2g} FLOPs ({(rows['low_corrected'] > 0).sum()} of"
      f" {len(rows)} points ahead after correction for {len(rows)} looks)"
    )
  return Verdict(claim, SHOWN if shown else NOT_SHOWN, "; ".join(parts))


def share(flags: Iterable[bool]) -> str:
  """The verdict of several comparisons, each of which may show the claim."""
  flags = list(flags)
  if all(flags):
    return SHOWN
  return "shown in part" if any(flags) else NOT_SHOWN


def _name(row: Any) -> str:
  return f"{row.policy} {wording.method(row.strategy, row.voting)}"
