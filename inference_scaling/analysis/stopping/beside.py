"""What stands beside the replays of rules: searches, and votes of fixed n.

Searches that stopped online are told from the replay of the same rule by their
name, and votes of a fixed number of samples are variants of sampling.
"""

from collections.abc import Iterable

import pandas as pd

from inference_scaling import spec
from inference_scaling.analysis import frames, strategies, votings
from inference_scaling.analysis.records import load
from inference_scaling.analysis.stopping import outcomes

ONLINE = "online"
# A fixed number of samples by each vote that rules are compared under.
FIXED = {
  votings.MAJORITY: strategies.SAMPLING,
  votings.BEST_OF_N: outcomes.BEST_OF_N,
  votings.WEIGHTED: f"{strategies.SAMPLING}/weighted",
}
_RUN = ["policy", "strategy", "n", "seed", "problem"]


def beside(
  frame: pd.DataFrame, records: Iterable[load.Record], aggregation: str
) -> pd.DataFrame:
  """Outcomes that rules are drawn and compared beside.

  Args:
    frame: rows of `make_outcomes`.
    records: that they are of.
    aggregation: of the rewards that votes read; NO_AGGREGATION for none.

  Returns:
    Rows as those of `replay_outcomes`: sampling by weighted votes and by votes
    of confidence at powers of two, the main REBASE, and searches that stopped
    online, each by the one vote that it is made for.
  """
  parts = [
    _votes(frame, FIXED[votings.WEIGHTED], votings.WEIGHTED, aggregation)
  ]
  parts += [
    _votes(
      frame, f"{strategies.SAMPLING}/{name}", vote.voting, vote.aggregation
    )
    for name, vote in votings.FEW_BY_CONFIDENCE.items()
  ]
  fixed = pd.concat(parts)
  searches = _searches(frame, aggregation)
  searches = searches.assign(samples=_num_drawn(searches, records))
  searches["strategy"] = searches["strategy"].map(_name)
  both = [fixed.assign(samples=fixed["n"].astype(float)), searches]
  rows = pd.concat(both, ignore_index=True)
  return rows.assign(is_exact=1.0, threshold=float("nan"))


def is_replay(strategy: str) -> bool:
  """Whether a strategy of the table is a rule that was tried on samples."""
  kinds = (outcomes.ADAPTIVE, outcomes.BY_REWARD)
  online = replay_of(strategy) != strategy
  return strategies.kind_of(strategy) in kinds and not online


def replay_of(strategy: str) -> str:
  """The rule that a search of the table ran online; else its own name."""
  kind, _, variant = strategy.partition("/")
  rule = f", {variant}".removesuffix(f", {ONLINE}").removeprefix(", ")
  return f"{kind}/{rule}" if rule else kind


def baseline_of(strategy: str, voting: str) -> str:
  """The fixed number of samples that a strategy of the table stands beside.

  Args:
    strategy: of the table.
    voting: how its answer is chosen.

  Returns:
    Sampling under the same vote where that reads rewards; else, and for votes
    by what the policy itself says, under majority voting.
  """
  block = spec.STRATEGIES.get(strategies.kind_of(strategy))
  own_scores = block is not None and block.only_format is not None
  if votings.reads_reward(voting) and not own_scores:
    return FIXED[voting]
  return strategies.SAMPLING


def _votes(
  frame: pd.DataFrame, name: str, voting: str, aggregation: str
) -> pd.DataFrame:
  """Sampling by one vote, under a name of its own."""
  return frames.select(
    frame, strategy=strategies.SAMPLING, voting=voting, aggregation=aggregation
  ).assign(strategy=name)


def _searches(frame: pd.DataFrame, aggregation: str) -> pd.DataFrame:
  """REBASE and what stops early, by their votes."""
  rebase = strategies.main_of(strategies.REBASE, frame["strategy"])
  kinds = frame["strategy"].map(strategies.kind_of)
  majority = (votings.MAJORITY, votings.NO_AGGREGATION)
  by_kind = {
    outcomes.ADAPTIVE: majority,
    outcomes.BY_REWARD: (votings.BEST_OF_N, aggregation),
  }
  main = votings.main_voting(aggregation)
  parts = []
  for kind in dict.fromkeys(kinds):
    block = spec.STRATEGIES.get(kind)
    if kind != strategies.REBASE and not (block and block.stops_early):
      continue
    mine = frame.loc[kinds == kind]
    if kind == strategies.REBASE:
      mine = frames.select(mine, strategy=rebase)
    voting, how = by_kind.get(kind, main)
    parts.append(frames.select(mine, voting=voting, aggregation=how))
  return pd.concat(parts) if parts else frame.iloc[:0]


def _name(strategy: str) -> str:
  """The name of a search in the table: beside the replay of its rule."""
  if strategies.kind_of(strategy) == strategies.REBASE:
    return strategy
  kind, _, variant = strategy.partition("/")
  return f"{kind}/{f'{variant}, ' if variant else ''}{ONLINE}"


def _num_drawn(
  searches: pd.DataFrame, records: Iterable[load.Record]
) -> list[float]:
  """How many candidates each search has."""
  drawn = {
    (r.policy, r.strategy, r.n, r.seed, r.problem): float(len(r.answers))
    for r in records
  }
  keys = searches.loc[:, _RUN].itertuples(index=False, name=None)
  return [drawn[key] for key in keys]
