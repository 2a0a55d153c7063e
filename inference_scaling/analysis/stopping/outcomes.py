"""Replays of every rule on recorded samples, as outcomes of one tidy frame."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from inference_scaling import names, stopping
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.estimates import outcomes, subsets
from inference_scaling.analysis.records import load
from inference_scaling.analysis.stopping import costs, replays

ADAPTIVE, BY_REWARD = "adaptive_sampling", "reward_threshold"
BEST_OF_N = f"{strategies.SAMPLING}/best of n"
# Thresholds of rewards, which have no unit of their own: quantiles of those of
# all samples of a policy that answer.
QUANTILES = {"median": 0.5, "90%": 0.9}
COLUMNS = [*outcomes.COLUMNS, "samples", "is_exact", "threshold"]


def replay_outcomes(
  records: Iterable[load.Record],
  aggregation: str,
  *,
  num_subsets: int,
  seed: int,
) -> pd.DataFrame:
  """Replays all rules on the samples of the largest n of each policy and seed.

  Args:
    records: of a sweep.
    aggregation: of the rewards that best-of-n reads; NO_AGGREGATION for none.
    num_subsets: sampled orders where there are too many states to count.
    seed: seed of these.

  Returns:
    A frame with COLUMNS, a row for each policy, rule, most samples n, seed and
    problem. Sampling, under majority voting and best-of-n, stands at every n,
    rules at the powers of two; costs and `samples` are expected ones, threshold
    is that of the reward, else NaN, and is_exact is 0 where orders were
    sampled. It is empty without samples to replay.
  """
  runs = _largest_runs(records)
  by_policy: dict[str, list[load.Record]] = {}
  for run in runs:
    by_policy.setdefault(run[0].policy, []).extend(run)
  parts = []
  for run in runs:
    pool = by_policy[run[0].policy]
    for strategy, rule in _rules(pool, aggregation).items():
      parts.append(
        _replay_run(run, strategy, rule, aggregation, num_subsets, seed)
      )
  if not parts:
    return pd.DataFrame(columns=pd.Index(COLUMNS))
  return pd.concat(parts, ignore_index=True).loc[:, COLUMNS]


def _largest_runs(records: Iterable[load.Record]) -> list[list[load.Record]]:
  """Runs of independent samples at the largest n, of two or more."""
  runs: dict[tuple[str, int, int], list[load.Record]] = {}
  for record in records:
    if record.strategy == strategies.SAMPLING and record.n > 1:
      key = (record.policy, record.seed, record.n)
      runs.setdefault(key, []).append(record)
  largest: dict[tuple[str, int], int] = {}
  for policy, seed, n in runs:
    largest[policy, seed] = max(n, largest.get((policy, seed), 0))
  return [
    sorted(run, key=lambda record: record.problem)
    for (policy, seed, n), run in sorted(runs.items())
    if n == largest[policy, seed]
  ]


def _rules(
  pool: Sequence[load.Record], aggregation: str
) -> dict[str, replays.AnyRule]:
  """Every rule by the name of its strategy; those of rewards where there are.

  Best-of-n of a fixed number of samples is sampling, too, under its own name.
  """
  rules: dict[str, replays.AnyRule] = {
    strategies.SAMPLING: replays.Fixed(names.MAJORITY)
  }
  for kind in names.STOPPING_RULES:
    rules[f"{ADAPTIVE}/{kind}"] = stopping.make_rule(kind)
  if aggregation == votings.NO_AGGREGATION:
    return rules
  rules[BEST_OF_N] = replays.Fixed(names.BEST_OF_N)
  scores = np.concatenate(
    [record.scores[aggregation][record.answers >= 0] for record in pool]
  )
  scores = scores[np.isfinite(scores)]
  for word, share in QUANTILES.items():
    if len(scores):
      # One that a sample has, so that some pass.
      threshold = float(np.quantile(scores, share, method="higher"))
      rules[f"{BY_REWARD}/{word}"] = replays.Reward(threshold)
  return rules


def _replay_run(
  run: Sequence[load.Record],
  strategy: str,
  rule: replays.AnyRule,
  aggregation: str,
  num_subsets: int,
  seed: int,
) -> pd.DataFrame:
  """One rule on one run: rows by most samples and problem."""
  n = run[0].n
  fixed = isinstance(rule, replays.Fixed)
  sizes = range(1, n + 1) if fixed else subsets.powers_of_two(n)
  rows = np.array(sizes) - 1
  voting = replays.voting_of(rule)
  reads_reward = voting != names.MAJORITY
  shares = costs.sample_costs(run, reward=reads_reward)
  frames = []
  for record, share in zip(run, shares, strict=True):
    how = aggregation if reads_reward else votings.NO_AGGREGATION
    scores = record.scores[how] if reads_reward else np.zeros(n)
    made = replays.replay(
      rule, record.answers, record.correct, scores,
      subsets.random_orders([record.problem], n, num_subsets, seed)[0],
    )  # fmt: skip
    drawn = made.drawn[rows]
    frames.append(
      pd.DataFrame(
        {
          "policy": record.policy,
          "strategy": strategy,
          "n": sizes,
          "seed": record.seed,
          "voting": voting,
          "aggregation": how,
          "problem": record.problem,
          "level": record.level,
          "accuracy": made.accuracy[rows],
          "variance": made.variance[rows],
          **{
            f"flops_{name}": cost.prompts + drawn @ cost.samples
            for name, cost in share.items()
          },
          "tokens": drawn @ record.candidate_tokens,
          "completion": record.finished.mean() if len(record.finished) else 0.0,
          "samples": drawn.sum(axis=1),
          "is_exact": float(made.is_exact),
          "threshold": (
            rule.threshold if isinstance(rule, replays.Reward) else np.nan
          ),
        }
      )
    )
  return pd.concat(frames, ignore_index=True)
