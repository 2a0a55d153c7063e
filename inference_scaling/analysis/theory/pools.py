"""All candidates of a policy and strategy, pooled over seeds by problem."""

from collections.abc import Iterable, Sequence

import numpy as np

from inference_scaling import voting
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.records import load
from inference_scaling.analysis.theory import convergence

Pool = dict[int, list[load.Record]]  # problem -> its records, one per seed
Key = tuple[str, str, int]  # policy, strategy, largest n


def make_pools(records: Iterable[load.Record]) -> dict[Key, Pool]:
  """Groups the records at the largest n of each policy and strategy.

  Args:
    records: the records of a sweep.

  Returns:
    Pools of all strategies but greedy, ordered by policy and strategy.
  """
  records = [
    record
    for record in records
    if strategies.kind_of(record.strategy) != strategies.GREEDY
  ]
  largest: dict[tuple, int] = {}
  for record in records:
    key = (record.policy, record.strategy)
    largest[key] = max(record.n, largest.get(key, 0))
  pools: dict[Key, Pool] = {}
  for record in sorted(
    records, key=lambda r: (r.policy, r.strategy, r.problem, r.seed)
  ):
    n = largest[record.policy, record.strategy]
    if record.n == n:
      pool = pools.setdefault((record.policy, record.strategy, n), {})
      pool.setdefault(record.problem, []).append(record)
  return pools


def sampling_pool(pools: dict[Key, Pool], policy: str) -> Pool | None:
  """Finds a policy's sampling.

  Args:
    pools: of a sweep.
    policy: name of the policy.

  Returns:
    The pool of the bare kind, or else of its first variant; None without any.
  """
  names = [
    strategy
    for owner, strategy, _ in pools
    if owner == policy and strategies.is_independent(strategy)
  ]
  main = strategies.main_of(strategies.SAMPLING, names)
  for (owner, strategy, _), pool in pools.items():
    if (owner, strategy) == (policy, main):
      return pool
  return None


def answer_distribution(
  pool: Sequence[load.Record], aggregation: str
) -> convergence.AnswerDistribution:
  """Estimates the answer distribution of one problem.

  Args:
    pool: its records of one policy and strategy, one per seed.
    aggregation: of step scores; with NO_AGGREGATION rewards are 1.

  Returns:
    Every candidate as an outcome of equal probability. Answers are numbered in
    the order of their texts, over all records. Rewards above 1 are divided by
    the problem's largest one, which changes no vote; NaN counts as 0.
  """
  texts = sorted({text for record in pool for text in record.answer_texts})
  ranks = {text: rank for rank, text in enumerate(texts)}
  answers = np.concatenate([_ranked(record, ranks) for record in pool])
  rewards = np.ones(len(answers))
  if aggregation != votings.NO_AGGREGATION:
    rewards = np.concatenate([record.scores[aggregation] for record in pool])
    rewards = np.nan_to_num(rewards, nan=0.0)
    rewards = rewards / max(1.0, rewards.max(initial=0.0))
  return convergence.AnswerDistribution(
    answers=answers,
    correct=np.concatenate([record.correct for record in pool]),
    rewards=rewards,
    probabilities=np.full(len(answers), 1 / max(1, len(answers))),
  )


def _ranked(record: load.Record, ranks: dict[str, int]) -> np.ndarray:
  """Class ids of a record, int64[N], by the ranks of the texts."""
  # The last entry is that of ABSTAIN, -1.
  table = [*(ranks[text] for text in record.answer_texts), voting.ABSTAIN]
  return np.array(table, np.int64)[record.answers]
