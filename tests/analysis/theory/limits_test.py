"""Limits from records against pooled votes by hand; curves; the figure."""

import collections

import numpy as np
import pytest

from inference_scaling.analysis import votings
from inference_scaling.analysis.estimates import intervals, outcomes, summary
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.figures import vote_limits
from inference_scaling.analysis.records import load
from inference_scaling.analysis.theory import convergence, limits, pools
from tests.analysis import by_hand, factory

RUNS = (("greedy", 1), ("sampling", 8), ("rebase", 2), ("rebase", 4))
POLICIES = ("small", "medium")


def parse(records):
  return [load.parse_record(r, f"x:{i}") for i, r in enumerate(records, 1)]


@pytest.fixture(name="raw", scope="module")
def _raw():
  records = factory.sweep(12, POLICIES, RUNS, seeds=3)
  again = factory.sweep(12, POLICIES, (("rebase", 4),), seeds=2)
  for record in again:
    record["run"]["strategy"] = "rebase/round"
  return [*records, *again]


@pytest.fixture(name="table", scope="module")
def _table(raw):
  return limits.limits_table(parse(raw), "min")


def limit_by_hand(records, reduce):
  """Mean over problems of the pooled vote's rightness; ties are shared."""
  pooled = collections.defaultdict(list)
  for record in records:
    pooled[record["problem"]["id"]] += record["candidates"]
  by_problem = {}
  for problem, candidates in pooled.items():
    totals = collections.defaultdict(float)
    right = {}
    for candidate in candidates:
      if candidate["answer"] is not None:
        totals[candidate["answer"]] += reduce(candidate["step_scores"])
        right[candidate["answer"]] = candidate["correct"]
    best = [a for a in totals if totals[a] > max(totals.values()) - 1e-6]
    by_problem[problem] = np.mean([right[a] for a in best]) if best else 0.0
  return by_problem


def select(raw, policy, strategy, n):
  run = {"policy": policy, "strategy": strategy, "n": n}
  return [r for r in raw if run.items() <= r["run"].items()]


@pytest.mark.parametrize(
  ("strategy", "n", "seeds"),
  [("sampling", 8, 3), ("rebase", 4, 3), ("rebase/round", 4, 2)],
)
def test_limits_are_those_of_pooled_candidates(raw, table, strategy, n, seeds):
  rows = table.set_index(["policy", "strategy", "voting"])
  for policy in POLICIES:
    mine = select(raw, policy, strategy, n)
    base = select(raw, policy, "sampling", 8)
    for voting, reduce in (("majority", lambda s: 1.0), ("weighted", min)):
      row = rows.loc[(policy, strategy, voting)]
      assert (row["n"], row["seeds"], row["problems"]) == (n, seeds, 12)
      assert row["candidates"] == n * seeds
      values = np.array(list(limit_by_hand(mine, reduce).values()))
      baseline = np.array(list(limit_by_hand(base, reduce).values()))
      expected = intervals.mean_interval(values)
      got = row[["limit", "low", "high"]].tolist()
      assert got == pytest.approx(list(expected))
      assert row["right"] == np.mean(values == 1)
      assert row["open"] == np.mean((values > 0) & (values < 1))
      assert row["moved"] == pytest.approx((values - baseline).mean())
      name = "majority" if voting == "majority" else "weighted/min"
      votes = np.mean([r["votes"][name]["correct"] for r in mine])
      assert row["accuracy"] == pytest.approx(votes)
      assert row["to_go"] == pytest.approx(values.mean() - votes)


def test_rows_are_the_largest_n_of_every_search(table):
  assert len(table) == 2 * 3 * 2
  assert set(table["strategy"]) == {"sampling", "rebase", "rebase/round"}
  assert (table.loc[table["strategy"] == "sampling", "moved"] == 0).all()


def test_answers_of_several_records_are_matched_by_text(raw):
  run = parse(select(raw, "small", "sampling", 8))
  pool = [record for record in run if record.problem == run[0].problem]
  assert len({record.answer_texts for record in pool}) > 1
  one = pools.answer_distribution(pool, "last")
  texts = sorted({text for record in pool for text in record.answer_texts})
  said = collections.Counter(
    record.answer_texts[i] for record in pool for i in record.answers if i >= 0
  )
  expected = [said[text] / 24 for text in texts]
  np.testing.assert_allclose(one.masses(weighted=False), expected)


def test_scores_beyond_one_are_scaled_and_change_no_limit(raw):
  run = parse(select(raw, "small", "sampling", 8))[:1]
  one = pools.answer_distribution(run, "last")
  run[0].scores["last"][:] *= 20
  two = pools.answer_distribution(run, "last")
  assert two.rewards.max() == 1
  np.testing.assert_allclose(
    two.rewards / two.rewards.sum(), one.rewards / one.rewards.sum()
  )
  assert convergence.weighted_limit(one) == convergence.weighted_limit(two)


def test_theory_curves_of_sampling(raw):
  records = parse(raw)
  curves = limits.theory_curves(records, "last", [1, 2, 64])
  assert set(curves["strategy"]) == {"sampling"}
  assert (curves["accuracy"] >= curves["bound_low"] - 0.02).all()
  assert (curves["accuracy"] <= curves["bound_high"] + 0.02).all()
  curves = curves.set_index(["policy", "voting", "n"])
  for policy in POLICIES:
    mine = select(raw, policy, "sampling", 8)
    right = [c["correct"] for r in mine for c in r["candidates"]]
    for voting in ("majority", "weighted"):
      row = curves.loc[(policy, voting, 1)]
      assert row["accuracy"] == pytest.approx(np.mean(right))
    # Two draws from the candidates, with plain fractions.
    pooled = collections.defaultdict(list)
    for record in mine:
      pooled[record["problem"]["id"]] += [
        (by_hand.Fraction(1, 24), (c["answer"], c["correct"], 1.0))
        for c in record["candidates"]
      ]
    expected = [
      by_hand.over_samples(by_hand.majority, outcomes_of, 2)
      for outcomes_of in pooled.values()
    ]
    got = curves.loc[(policy, "majority", 2), "accuracy"]
    assert got == pytest.approx(float(np.mean(expected)))
  assert (curves.xs("majority", level="voting")["mc_error"] == 0).all()
  assert curves.loc[("small", "weighted", 64), "mc_error"] > 0


def test_searches_without_candidates_or_sampling_have_limits():
  raw = factory.sweep(3, ("small",), (("rebase", 2),), seeds=1)
  for record in raw:
    record["run"]["strategy"] = "mcts/root16"
  raw[0]["candidates"] = []
  for candidate in raw[1]["candidates"]:
    candidate |= {"answer": None, "correct": False, "status": "unfinished"}
  records = parse(raw)
  table = limits.limits_table(records, votings.NO_AGGREGATION)
  assert len(table) == 1 and table["voting"].item() == "majority"
  assert table["limit"].item() <= 1 / 3 and np.isnan(table["moved"].item())
  assert limits.theory_curves(records, votings.NO_AGGREGATION).empty


def draw(raw, aggregation):
  records = parse(raw)
  panels = {"all": panel_lib.make_panel(outcomes.make_outcomes(records))}
  return vote_limits.limits(
    summary.summarize(panels, factory.PARAMETERS),
    limits.limits_table(records, aggregation),
    limits.theory_curves(records, aggregation),
  )


def test_figure_shows_curves_and_limits(raw):
  figure = draw(raw, "last")
  assert len(figure.axes) == 2 * len(POLICIES)
  titles = [axes.get_title() for axes in figure.axes[::2]]
  assert titles == ["small (100k)", "medium (400k)"]
  for curves, ends in zip(figure.axes[::2], figure.axes[1::2], strict=True):
    names = [label.get_text() for label in ends.get_xticklabels()]
    assert names == ["Sampling", "REBASE", "REBASE\n(round)"]
    assert len(ends.containers) == 6 and len(curves.containers) == 2
    low, high = curves.get_ylim()
    for container in (*curves.containers, *ends.containers):
      points = container.lines[0].get_ydata()
      assert (low <= np.array(points)).all() and (points <= high).all()
      # A marker at all right is drawn whole.
      assert not container.lines[0].get_clip_on()
  (words,) = figure.legends
  assert [text.get_text() for text in words.get_texts()] == [
    "measured, majority voting",
    "measured, weighted voting",
    "theory, majority voting",
    "theory, weighted voting",
    "Hoeffding: accuracy is above",
    "limit of sampling",
  ]
  figure.draw_without_rendering()


def test_figure_without_rewards_or_without_sampling(raw):
  plain = [factory.unrewarded(record) for record in raw]
  figure = draw(plain, votings.NO_AGGREGATION)
  assert all(len(axes.containers) in (1, 3) for axes in figure.axes)
  search = [r for r in raw if r["run"]["strategy"] != "sampling"]
  figure = draw(search, "last")
  assert not figure.axes[0].containers and figure.axes[1].containers
  figure.draw_without_rendering()
