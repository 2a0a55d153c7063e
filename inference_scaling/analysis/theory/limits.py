"""Asymptotic accuracy (n to infinity) of every strategy, from records alone.

For each policy and strategy the answer distribution of each problem is
estimated from all candidates of all seeds at the largest n, and the limits of
the theory are read from it. A tree search draws its candidates from a changed
distribution: its limit says where that distribution leads.

Bias: this is the limit of the estimate, not of the true distribution. The most
likely answer of the estimate is the vote of all candidates together. For S runs
of n independent samples the "limit" is therefore the accuracy at S * n samples,
and its bias is what the curve has still to go from there: little where it is
flat, more where many problems have two answers that are nearly as likely.
Candidates of one tree search depend on each other, so that they tell less about
their distribution than as many samples do. Intervals speak of problems only:
they do not cover this bias.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.estimates import intervals, subsets
from inference_scaling.analysis.records import load
from inference_scaling.analysis.theory import convergence, finite_votes, pools

CURVE_COLUMNS = [
  "policy",
  "strategy",
  "voting",
  "aggregation",
  "n",
  "accuracy",
  "mc_error",
  "bound_low",
  "bound_high",
]
REACH = 4  # theory curves go on to so many times the largest n


def limits_table(
  records: Iterable[load.Record], aggregation: str
) -> pd.DataFrame:
  """Asymptotic accuracy of every policy, strategy and voting method.

  Args:
    records: the records of a sweep.
    aggregation: of step scores, for weighted voting; NO_AGGREGATION leaves
      majority voting.

  Returns:
    Rows by policy, strategy (all but greedy) and voting: n, the largest; the
    numbers of problems and seeds, and candidates, their mean number per
    problem; limit with low and high, the mean of the problems' limits and its
    95% interval over problems; right, the share of problems whose one limiting
    answer is right, and open, the share without a single limiting answer;
    accuracy with accuracy_low and accuracy_high, that of the recorded votes at
    n; to_go with low and high, the limit minus that accuracy, paired; moved
    with low and high, the limit minus that of the policy's sampling, paired
    (NaN without sampling).
  """
  groups = pools.make_pools(records)
  rows = []
  for (policy, strategy, n), pool in groups.items():
    reference = pools.sampling_pool(groups, policy)
    for voting, how in _votings(aggregation):
      rows.append(
        {
          "policy": policy,
          "strategy": strategy,
          "voting": voting,
          "aggregation": how,
          "n": n,
          **_size(pool),
          **_limit_columns(pool, reference, voting, how),
        }
      )
  return pd.DataFrame(rows)


def theory_curves(
  records: Iterable[load.Record],
  aggregation: str,
  sizes: Sequence[int] | None = None,
  *,
  num_draws: int = 200,
  seed: int = 0,
) -> pd.DataFrame:
  """The theory's accuracy of independent sampling at every size.

  Accuracy is that of n draws from the estimated distributions: exact for
  majority voting, seeded Monte Carlo for weighted voting where the possible
  samples are many. Hoeffding's bound is on the distance to the limit.

  Args:
    records: the records of a sweep.
    aggregation: of step scores; NO_AGGREGATION leaves majority voting.
    sizes: by default the powers of two up to REACH times the largest n.
    num_draws: Monte-Carlo draws per problem.
    seed: of the draws.

  Returns:
    Rows by policy, strategy (of kind sampling), voting and n: accuracy,
    mc_error (its Monte-Carlo standard error), and bound_low and bound_high,
    between which Hoeffding's bound puts the accuracy.
  """
  frames = []
  for (policy, strategy, largest), pool in pools.make_pools(records).items():
    if not strategies.is_independent(strategy):
      continue
    wanted = sizes
    if wanted is None:
      wanted = subsets.powers_of_two(REACH * largest)
    for voting, how in _votings(aggregation):
      distributions = [pools.answer_distribution(pool[p], how) for p in pool]
      weighted = voting == votings.WEIGHTED
      accuracy, variance = _expected(
        distributions, wanted, weighted, num_draws, seed
      )
      low, high = _bounds(distributions, wanted, weighted)
      frames.append(
        pd.DataFrame(
          {
            "policy": policy,
            "strategy": strategy,
            "voting": voting,
            "aggregation": how,
            "n": list(wanted),
            "accuracy": accuracy.mean(axis=1),
            "mc_error": np.sqrt(variance.sum(axis=1)) / len(distributions),
            "bound_low": low,
            "bound_high": high,
          }
        )
      )
  if not frames:
    return pd.DataFrame(columns=CURVE_COLUMNS)
  return pd.concat(frames, ignore_index=True)


def _votings(aggregation: str) -> list[tuple[str, str]]:
  majority = (votings.MAJORITY, votings.NO_AGGREGATION)
  return list(dict.fromkeys([majority, votings.main_voting(aggregation)]))


def _size(pool: pools.Pool) -> dict[str, float]:
  runs = list(pool.values())
  return {
    "problems": len(runs),
    "seeds": max(len(run) for run in runs),
    "candidates": float(
      np.mean([sum(len(r.answers) for r in run) for run in runs])
    ),
  }


def _limit_columns(
  pool: pools.Pool, reference: pools.Pool | None, voting: str, how: str
) -> dict[str, float]:
  limits = _limits(pool, voting, how)
  unrewarded = how == votings.NO_AGGREGATION
  name = names.vote_name(voting, None if unrewarded else how)
  accuracy = pd.Series(
    {p: np.mean([r.votes[name] for r in run]) for p, run in pool.items()}
  )
  moved = limits * np.nan
  if reference is not None:
    moved = limits - _limits(reference, voting, how)
  columns = {"right": (limits == 1).mean()}
  columns["open"] = ((limits > 0) & (limits < 1)).mean()
  for column, values in (
    ("limit", limits),
    ("accuracy", accuracy),
    ("to_go", limits - accuracy),
    ("moved", moved),
  ):
    mean, low, high = intervals.mean_interval(values.to_numpy(float))
    prefix = "" if column == "limit" else f"{column}_"
    columns |= {column: mean, f"{prefix}low": low, f"{prefix}high": high}
  return columns


def _limits(pool: pools.Pool, voting: str, how: str) -> pd.Series:
  """Asymptotic accuracy by problem."""
  limit = (
    convergence.weighted_limit
    if voting == votings.WEIGHTED
    else convergence.majority_limit
  )
  return pd.Series(
    {p: limit(pools.answer_distribution(run, how)) for p, run in pool.items()}
  )


def _expected(
  distributions: Sequence[convergence.AnswerDistribution],
  sizes: Sequence[int],
  weighted: bool,
  num_draws: int,
  seed: int,
) -> subsets.Estimate:
  """Accuracy [M, P] of votes drawn from the distributions."""
  if weighted:
    return finite_votes.weighted_votes(
      distributions, sizes, num_draws=num_draws, seed=seed
    )
  accuracy = [
    finite_votes.exact_majority(
      distribution.masses(weighted=False), distribution.right_answers(), sizes
    )
    for distribution in distributions
  ]
  accuracy = np.stack(accuracy, axis=1)
  return subsets.Estimate(accuracy, np.zeros_like(accuracy))


def _bounds(
  distributions: Sequence[convergence.AnswerDistribution],
  sizes: Sequence[int],
  weighted: bool,
) -> tuple[np.ndarray, np.ndarray]:
  """Hoeffding's bounds on the mean accuracy, each float64[M]."""
  limit = convergence.weighted_limit if weighted else convergence.majority_limit
  return convergence.bounded_accuracy(
    np.array([limit(distribution) for distribution in distributions]),
    np.stack(
      [
        convergence.hoeffding_bound(
          distribution.masses(weighted=weighted), sizes
        )
        for distribution in distributions
      ]
    ),
  )
