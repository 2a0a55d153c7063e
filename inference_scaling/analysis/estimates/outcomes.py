"""Records to one tidy frame: a row per run, problem, size and voting method."""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.estimates import (
  confidence_votes,
  subset_votes,
  subsets,
)
from inference_scaling.analysis.records import load

RUN = ["policy", "strategy", "n", "seed"]
COSTS = [f"flops_{name}" for name in names.CONVENTIONS]
COLUMNS = [
  *RUN,
  "voting",
  "aggregation",
  "problem",
  "level",
  "accuracy",
  "variance",
  *COSTS,
  "tokens",
  "completion",
]


def make_outcomes(
  records: Iterable[load.Record],
  *,
  sizes: Sequence[int] | None = None,
  num_subsets: int = 200,
  seed: int = 0,
  exact_limit: int = subset_votes.EXACT_LIMIT,
) -> pd.DataFrame:
  """Accuracy and cost of every run, problem, size and voting method.

  Tree strategies and greedy keep the votes of their records. Independent
  sampling is read from the largest n of each policy, variant and seed only, and
  gives every smaller size as an expectation over subsets. Its best-of-n
  averages over candidates that tie; all other ties go as in the records.

  Voting methods that read no reward (majority of independent samples, greedy)
  are not charged for the reward model where the ledger tells it apart. They
  are the only ones if some record comes from a run without a reward model.
  Where records say how sure the policy was of its tokens, votes by that come
  beside them (`votings.confidence_votes`), which read no reward either.

  Args:
    records: the records of a sweep.
    sizes: sizes that sampling is read at, those above its n left out; by
      default every power of two up to n, and n itself.
    num_subsets: sampled subsets where there are too many to enumerate.
    seed: seed of the sampled subsets.
    exact_limit: enumerate up to this many subsets.

  Returns:
    A frame with COLUMNS; accuracy in [0, 1], variance of the Monte-Carlo over
    subsets (0 where exact), FLOPs and tokens per problem, completion the share
    of finished candidates (0 without any candidate).
  """
  runs: dict[tuple, list[load.Record]] = {}
  for record in records:
    key = (record.policy, record.strategy, record.n, record.seed)
    runs.setdefault(key, []).append(record)
  largest: dict[tuple, int] = {}
  for policy, strategy, n, run_seed in runs:
    key = (policy, strategy, run_seed)
    largest[key] = max(n, largest.get(key, 0))
  frames = []
  for (policy, strategy, n, run_seed), run in sorted(runs.items()):
    run = sorted(run, key=lambda record: record.problem)
    if not strategies.is_independent(strategy):
      frames.append(recorded_votes(run))
    elif n == largest[policy, strategy, run_seed]:
      frames.append(
        expected_votes(
          run,
          sizes=sizes,
          num_subsets=num_subsets,
          seed=seed,
          exact_limit=exact_limit,
        )
      )
  return pd.concat(frames, ignore_index=True).loc[:, COLUMNS]


def recorded_votes(run: Sequence[load.Record]) -> pd.DataFrame:
  """Outcomes of one run from the votes of its records, and of the oracle."""
  charged = _costs(run, 1.0, reward=True)
  free = _costs(run, 1.0, reward=False)
  rows = []
  greedy = strategies.kind_of(run[0].strategy) == strategies.GREEDY
  sure = not greedy and any(record.confidence for record in run)
  for index, record in enumerate(run):
    votes: dict[str, bool] = {votings.PASS: bool(record.correct.any())}
    # One greedy candidate leaves nothing to vote on: one method stands for all.
    votes |= {
      name: right
      for name, right in record.votes.items()
      if not greedy or name == votings.MAJORITY
    }
    if sure:
      votes |= confidence_votes.recorded(record)
    for name, right in votes.items():
      voting, _, aggregation = name.partition("/")
      # A tree search reads rewards whatever the vote; greedy never does.
      reads = strategies.votes_by_reward(record.strategy, voting)
      costs = charged if reads else free
      rows.append(
        {
          **_run_columns(record, record.n),
          "voting": voting,
          "aggregation": aggregation or votings.NO_AGGREGATION,
          "problem": record.problem,
          "level": record.level,
          "accuracy": float(right),
          "variance": 0.0,
          **{name: cost[index] for name, cost in costs.items()},
          "tokens": float(record.tokens),
          "completion": _completion(record),
        }
      )
  return pd.DataFrame(rows)


def expected_votes(
  run: Sequence[load.Record],
  *,
  num_subsets: int,
  seed: int,
  sizes: Sequence[int] | None = None,
  exact_limit: int = subset_votes.EXACT_LIMIT,
) -> pd.DataFrame:
  """Expected outcomes of one run of independent samples at every size.

  Args:
    run: its records, one per problem, all with n candidates.
    sizes: see `make_outcomes`.
    num_subsets: sampled subsets where there are too many to enumerate.
    seed: seed of the sampled subsets.
    exact_limit: enumerate up to this many subsets.

  Returns:
    A frame with COLUMNS; a subset of m candidates costs the prompt once and
    m/n of the rest.

  Raises:
    RecordError: if a record does not hold n candidates.
  """
  n = run[0].n
  for record in run:
    if len(record.answers) != n:
      raise load.RecordError(
        f"{record.policy} {record.strategy} n={n} seed={record.seed} problem"
        f" {record.problem}: {len(record.answers)} candidates; expected {n}"
      )
  if sizes is None:
    sizes = subsets.powers_of_two(n)
  sizes = sorted({m for m in sizes if m <= n})
  estimates = _estimates(run, sizes, num_subsets, seed, exact_limit)
  completion = [_completion(record) for record in run]
  frames = []
  for (voting, aggregation), estimate in estimates.items():
    for row, m in enumerate(sizes):
      share = m / n
      reads_reward = votings.reads_reward(voting)
      frames.append(
        pd.DataFrame(
          {
            **_run_columns(run[0], m),
            "voting": voting,
            "aggregation": aggregation,
            "problem": [record.problem for record in run],
            "level": [record.level for record in run],
            "accuracy": estimate.accuracy[row],
            "variance": estimate.variance[row],
            **_costs(run, share, reward=reads_reward),
            "tokens": [record.tokens * share for record in run],
            "completion": completion,
          }
        )
      )
  return pd.concat(frames, ignore_index=True)


def _estimates(
  run: Sequence[load.Record],
  sizes: Sequence[int],
  num_subsets: int,
  seed: int,
  exact_limit: int,
) -> dict[tuple[str, str], subsets.Estimate]:
  """(voting, aggregation) -> Estimate [M, P] of one run of samples."""
  n = run[0].n
  answers = np.stack([record.answers for record in run])
  correct = np.stack([record.correct for record in run])
  estimates = {
    (votings.PASS, votings.NO_AGGREGATION): subsets.pass_at(correct, sizes),
    (votings.MAJORITY, votings.NO_AGGREGATION): subset_votes.majority_of(
      answers, correct, sizes
    ),
  }
  rewarded = all(record.rewarded for record in run)
  sure = all(record.confidence for record in run)
  if not rewarded and not sure:
    return estimates
  # Sampled subsets are drawn only if some size needs them.
  orders = np.zeros((len(run), 2, n), np.int16)
  if any(math.comb(n, m) > exact_limit for m in sizes):
    problems = [record.problem for record in run]
    orders = subsets.random_orders(problems, n, num_subsets, seed)
  if sure:
    statistics = {
      name: np.stack([record.confidence[name] for record in run])
      for name in run[0].confidence
    }
    estimates |= confidence_votes.expected(
      answers, correct, statistics, sizes, orders, exact_limit
    )
  if not rewarded:
    return estimates
  for how, voting in itertools.product(names.AGGREGATIONS, names.SCORED):
    scores = np.stack([record.scores[how] for record in run])
    estimates[voting, how] = (
      subsets.best_of(answers, correct, scores, sizes)
      if voting == votings.BEST_OF_N
      else subset_votes.vote_of(
        answers, correct, scores, sizes, orders, exact_limit=exact_limit
      )
    )
  return estimates


def _completion(record: load.Record) -> float:
  """Share of finished candidates."""
  return record.finished.mean() if len(record.finished) else 0.0


def _run_columns(record: load.Record, n: int) -> dict[str, object]:
  return {
    "policy": record.policy,
    "strategy": record.strategy,
    "n": n,
    "seed": record.seed,
  }


def _costs(
  run: Sequence[load.Record], share: float, *, reward: bool
) -> dict[str, np.ndarray]:
  """FLOPs float64[P] by convention for a share of the candidates."""
  # Prompts are computed once per problem however few candidates follow.
  factors = np.array([1.0, share, 1.0, share]) * [1, 1, reward, reward]
  return {
    f"flops_{name}": np.stack([record.flops[name] for record in run]) @ factors
    for name in names.CONVENTIONS
  }
