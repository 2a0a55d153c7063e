"""Votes by how sure the policy was, beside loops over all subsets."""

import itertools
import math

import numpy as np
import pytest

from inference_scaling import names
from inference_scaling.analysis import votings
from inference_scaling.analysis.comparison import confidence_votes as compared
from inference_scaling.analysis.estimates import (
  confidence_votes,
  outcomes,
  panel,
  subset_votes,
  subsets,
)
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import results, strategy_sections
from tests.analysis import factory

N, SIZES = 7, (1, 2, 3, 5, 7)
UNUSED = np.zeros((6, 2, N), np.int16)  # orders, where no size is sampled


def by_hand(answers, scores, method, temperature):
  """The winner of one vote, with plain loops; None where all abstain."""
  voters = [
    (int(answer), float(score))
    for answer, score in zip(answers, scores, strict=True)
    if answer >= 0
  ]
  if not voters:
    return None
  own = [score for _, score in voters]
  share = {"confident_top10": 90, "confident_top90": 10}.get(method)
  bar = -np.inf if share is None else np.percentile(own, share)
  totals = {}
  for answer, score in voters:
    if score >= bar - 1e-12:
      weight = np.exp(score / temperature) if temperature else score
      totals[answer] = totals.get(answer, 0.0) + weight
  return min(totals, key=lambda answer: (-totals[answer], answer))


@pytest.fixture(name="drawn", scope="module")
def _drawn():
  random = np.random.default_rng(5)
  answers = random.integers(-1, 3, (6, N))
  answers[0] = -1  # nobody answers
  scores = random.uniform(0.5, 4.0, (6, N))
  return answers, answers == 1, scores


@pytest.mark.parametrize(
  "vote",
  [vote for vote in votings.confidence_votes() if "lowest" in vote.statistic]
  + [votings.ConfidenceVote("softmax", "likelihood.mean", 0.3)],
)
def test_votes_of_subsets_are_those_of_all_subsets(drawn, vote, monkeypatch):
  answers, correct, scores = drawn
  monkeypatch.setattr(votings, "confidence_votes", lambda: [vote])
  made = confidence_votes.expected(
    answers, correct, {vote.statistic: scores}, SIZES, UNUSED, 2048
  )[vote.voting, vote.aggregation]
  assert not made.variance.any()
  for row, m in enumerate(SIZES):
    for p in range(len(answers)):
      wins = [
        by_hand(answers[p][list(s)], scores[p][list(s)], *vote[::2]) == 1
        for s in itertools.combinations(range(N), m)
      ]
      assert made.accuracy[row, p] == pytest.approx(np.mean(wins))


def test_a_filter_of_few_is_best_of_n_and_one_of_all_a_weighted_vote(drawn):
  answers, correct, scores = drawn
  arguments = (SIZES, UNUSED)
  one = confidence_votes.filtered_vote_of(
    answers, correct, scores, 10, *arguments
  )
  best = subsets.best_of(answers, correct, scores, SIZES)
  np.testing.assert_allclose(one.accuracy, best.accuracy)
  whole = confidence_votes.filtered_vote_of(
    answers, correct, scores, 100, *arguments
  )
  weighted = subset_votes.vote_of(answers, correct, scores, *arguments)
  np.testing.assert_allclose(whole.accuracy, weighted.accuracy)


def test_sampled_subsets_come_near_and_tell_their_error(drawn):
  answers, correct, scores = drawn
  orders = subsets.random_orders(range(6), N, 2000, 0)
  exact, sampled = (
    confidence_votes.filtered_vote_of(
      answers, correct, scores, 90, (3, 5), orders, exact_limit=limit
    )
    for limit in (100, 0)
  )
  error = np.sqrt(sampled.variance)
  assert error.max() > 0
  assert (np.abs(exact.accuracy - sampled.accuracy) <= 4 * error + 1e-9).all()


@pytest.fixture(name="raw", scope="module")
def _raw():
  runs = (("greedy", 1), ("sampling", 6), ("rebase", 4))
  random = np.random.default_rng(1)
  return [
    factory.sure(record, random)
    for record in factory.sweep(8, policies=("small",), runs=runs, seeds=1)
  ]


def parse(records):
  return [load.parse_record(r, f"x:{i}") for i, r in enumerate(records, 1)]


def test_votes_of_records_are_those_of_their_candidates(raw):
  frame = outcomes.make_outcomes(parse(raw))
  frame = frame.set_index(
    ["strategy", "n", "problem", "voting", "aggregation"]
  ).sort_index()
  for content, record in zip(raw, parse(raw), strict=True):
    if record.strategy == "greedy":
      continue
    for vote in votings.confidence_votes():
      measure, _, statistic = vote.statistic.partition(".")
      scores = [c["confidence"][measure][statistic]
                for c in content["candidates"]]  # fmt: skip
      winner = by_hand(record.answers, scores, vote.voting, vote.temperature)
      right = winner is not None and bool(
        record.correct[record.answers == winner][0]
      )
      row = frame.loc[
        (record.strategy, record.n, record.problem, vote.voting,
         vote.aggregation)
      ]  # fmt: skip
      assert row["accuracy"] == right
  costs = frame.xs(6, level="n").groupby("voting")["flops_with_reward"].mean()
  assert costs["confident"] == costs["softmax"] == costs["majority"]
  assert costs["confident"] < costs["weighted"]


def test_records_without_confidence_have_the_votes_that_they_had(raw):
  plain = [
    r | {"candidates": [{k: v for k, v in c.items() if k != "confidence"}
                        for c in r["candidates"]]}
    for r in raw
  ]  # fmt: skip
  frame = outcomes.make_outcomes(parse(plain))
  assert not set(frame["voting"]) & {"confident", "softmax"}
  more = outcomes.make_outcomes(parse(raw))
  more = more[more["voting"].isin(set(frame["voting"]))]
  assert more.reset_index(drop=True).equals(frame)
  nothing = compared.confidence_tables(
    panel.make_panel(frame), ["small"], "last"
  )
  assert nothing == {}


def test_a_candidate_without_a_statistic_is_named(raw):
  nothing = {
    measure: dict.fromkeys(names.STATISTICS, math.nan)
    for measure in names.MEASURES
  }
  for said in (None, nothing):
    broken = dict(raw[-1], candidates=[dict(c) for c in raw[-1]["candidates"]])
    broken["candidates"][2]["confidence"] = said
    with pytest.raises(load.RecordError, match="candidate 2 has no finite num"):
      load.parse_record(broken, "x:1")


def test_the_report_has_every_vote_beside_the_majority(raw):
  analysis = results.analyze(parse(raw), {"small": 100_000})
  table = analysis.tables[compared.TABLE].set_index(
    ["strategy", "n", "voting", "aggregation"]
  )
  majority = table.loc[("sampling", 6, "majority", "none")]
  assert majority["difference"] == 0
  one = table.loc[("sampling", 6, "confident", "token_confidence.lowest")]
  assert one["difference"] == pytest.approx(
    one["accuracy"] - majority["accuracy"]
  )
  text = strategy_sections.votes_by_confidence(analysis)
  assert "| small | Sampling | 6 | confident_top10 | token_confidence.b" in text
  assert "softmax | likelihood.mean@0.1 |" in text
  assert "| weighted | last |" in text
