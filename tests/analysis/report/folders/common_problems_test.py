"""Folders of one policy each, of which one has more problems than the other."""

import pathlib

import pandas as pd
import pytest

from inference_scaling import analysis
from inference_scaling.analysis.estimates import outcomes
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.figures import style
from inference_scaling.analysis.records import load
from tests.analysis import factory
from tests.analysis.report.folders.joining_test import write

RUNS = (("greedy", 1), ("sampling", 4), ("rebase", 2), ("rebase", 4))
MANY, FEW = 14, 7
# What compares policies, and what is of one policy.
ACROSS = (
  "claims/best_policy", "claims/smaller_against_largest", "tables/pareto",
  "tables/best_configuration", "tables/optimal_size",
  "tables/optimal_size_lines",
)  # fmt: skip
WITHIN = (
  "claims/growth", "claims/search_gain", "claims/voting_gap",
  "claims/hard_gain", "tables/equal_budget", "tables/mean_difference",
  "tables/iso_accuracy", "tables/table_1", "tables/table_3",
  "tables/aggregations", "tables/limits", "tables/theory", "tables/variance",
)  # fmt: skip


def sweep(policy, problems):
  """Records whose policy solves all problems that the other one lacks.

  These are also much cheaper: whoever reads them thinks better of `small`.
  """
  records = factory.sweep(problems, (policy,), RUNS, seeds=1)
  for record in records:
    if record["problem"]["id"] < 100 + FEW:
      continue
    for candidate in record["candidates"]:
      candidate |= {"answer": "42", "correct": True, "status": "finished"}
    record["votes"] = factory.votes(record["candidates"])
    for name, values in record["ledger"].items():
      if name.startswith("flops"):
        record["ledger"][name] = {k: v / 8 for k, v in values.items()}
  return records


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory):
  """Reports on both folders, on both cut to common problems, and on each."""
  root = tmp_path_factory.mktemp("folders")
  small = write(root / "small", sweep("small", MANY), problems=MANY)
  large = write(root / "large", sweep("large", FEW), problems=FEW)
  cut = write(root / "cut", sweep("small", FEW), problems=FEW)
  drawn: dict[str, dict] = {}
  with pytest.MonkeyPatch.context() as patch:
    for name, folders in {
      "joined": (small, large), "common": (cut, large), "alone": (small,)
    }.items():  # fmt: skip
      figures = drawn[name] = {}
      patch.setattr(
        style,
        "save",
        lambda figure, _, key, to=figures: to.update({key: figure}),
      )
      analysis.write_report(folders, root / f"{name}_report", num_subsets=5)
  return root, drawn


def table(root, report, name):
  path = pathlib.Path(root / f"{report}_report" / f"{name}.csv")
  return pd.read_csv(path, keep_default_na=False)


@pytest.mark.parametrize("name", ACROSS)
def test_policies_are_compared_on_the_problems_that_all_have(made, name):
  joined, common = (table(made[0], n, name) for n in ("joined", "common"))
  assert len(common)
  pd.testing.assert_frame_equal(joined, common)


@pytest.mark.parametrize("name", WITHIN)
def test_what_is_of_one_policy_has_all_of_its_problems(made, name):
  frames = [table(made[0], n, name) for n in ("joined", "alone", "common")]
  joined, alone, common = (
    frame[frame["policy"] == "small"].reset_index(drop=True) for frame in frames
  )
  assert len(alone) and not alone.equals(common)
  pd.testing.assert_frame_equal(joined, alone, check_dtype=False)


def test_a_smaller_policy_is_compared_by_hand(made):
  frame = table(made[0], "joined", "claims/smaller_against_largest")
  row = frame[(frame["convention"] == "full") & (frame["n"] == 4)].iloc[0]
  searched = [
    record for record in sweep("small", FEW)
    if (record["run"]["strategy"], record["run"]["n"]) == ("rebase", 4)
  ]  # fmt: skip
  right = [record["votes"]["weighted/last"]["correct"] for record in searched]
  flops = [record["ledger"]["flops"]["full"] for record in searched]
  assert row["accuracy"] == pytest.approx(sum(right) / FEW)
  assert row["flops"] == pytest.approx(sum(flops) / FEW)
  assert row["difference"] == pytest.approx(
    row["accuracy"] - row["largest_accuracy"]
  )


def test_the_report_says_on_how_many_problems_it_stands(made):
  root, _ = made
  text = (root / "joined_report" / "report.md").read_text("utf-8")
  assert (
    f"- Problems by policy: small {MANY}, large {FEW}. What compares policies"
    f" stands on the {FEW} that all have:"
  ) in text
  assert f"| small (100k), {MANY} problems | Greedy |" in text
  assert f"| large (1.6M), {FEW} problems | Greedy |" in text
  pd.testing.assert_frame_equal(
    table(root, "joined", "tables/common_problems"),
    table(root, "common", "summary"),
  )
  text = (root / "common_report" / "report.md").read_text("utf-8")
  assert "Problems by policy" not in text and "), 7 problems" not in text
  assert not (root / "common_report/tables/common_problems.csv").exists()


def _lines(figure):
  return [
    line.get_xydata().tolist() for axes in figure.axes for line in axes.lines
  ]


def test_figures_that_compare_policies_show_common_problems(made):
  _, drawn = made
  for name in ("error_vs_flops", "optimal_size"):
    joined, common = drawn["joined"][name], drawn["common"][name]
    assert _lines(joined) == _lines(common)
    assert f"(the {FEW} problems that all policies have)" in (
      joined.get_suptitle()
    )
    assert "problems" not in common.get_suptitle()
    assert "problems" not in joined.axes[0].get_title()


def test_figures_of_each_policy_say_how_many_problems_it_has(made):
  _, drawn = made
  for name in ("error_vs_n", "easy_vs_hard", "completion", "equal_budget",
               "aggregations", "limits"):  # fmt: skip
    titles = [axes.get_title() for axes in drawn["joined"][name].axes]
    assert f"small (100k), {MANY} problems" in titles, name
    assert f"large (1.6M), {FEW} problems" in titles, name
    plain = [axes.get_title() for axes in drawn["common"][name].axes]
    assert "small (100k)" in plain
  labels = [
    axes.get_ylabel() for axes in drawn["joined"]["voting_methods"].axes
  ]
  assert f"error rate (%)\nsmall (100k), {MANY} problems" in labels


def frame_of(*records):
  return outcomes.make_outcomes(
    [load.parse_record(r, f"x:{i}") for i, r in enumerate(records)]
  )


def test_problems_of_any_run_are_a_policys_own():
  small = factory.sweep(3, ("small",), (("greedy", 1), ("rebase", 2)), seeds=1)
  large = factory.sweep(3, ("large",), (("greedy", 1), ("rebase", 2)), seeds=1)
  # A run that has only begun takes no problems from the others.
  frame = frame_of(*small, *large[:4])
  assert panel_lib.on_common_problems(frame) is frame
  common = panel_lib.on_common_problems(frame_of(*small, *large[:2]))
  assert set(common["problem"]) == {100, 101}
  assert set(common["policy"]) == {"small", "large"}


def test_policies_without_a_common_problem_are_refused():
  small = factory.sweep(3, ("small",), (("greedy", 1),), seeds=1)
  large = factory.sweep(5, ("large",), (("greedy", 1),), seeds=1)[3:]
  with pytest.raises(
    ValueError,
    match=r"no problem has records of every policy; .* large 2, small 3; exp",
  ):
    panel_lib.on_common_problems(frame_of(*small, *large))
