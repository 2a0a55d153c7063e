"""write_report: its files, its words, and what it does with few data."""

import itertools
import json
import math
import pathlib
import re

import pandas as pd
import pytest
from matplotlib import text as text_lib

from inference_scaling import analysis
from inference_scaling.analysis import strategies, wording
from inference_scaling.analysis.estimates import summary as summary_lib
from inference_scaling.analysis.figures import (
  policy_panels,
  policy_sizes,
  style,
)
from inference_scaling.analysis.records import load
from tests.analysis import factory

# "variants" is drawn only where some kind has several.
FIGURES = (
  "aggregations",
  "completion",
  "easy_vs_hard",
  "equal_budget",
  "error_vs_flops",
  "error_vs_n",
  "limits",
  "optimal_size",
  "voting_methods",
)
RENDERED = ("optimal_size", "completion")
CLAIMS = (
  "best_policy",
  "growth",
  "hard_gain",
  "search_gain",
  "smaller_against_largest",
  "voting_gap",
)
TABLES = (
  "aggregations",
  "best_configuration",
  "equal_budget",
  "iso_accuracy",
  "limits",
  "mean_difference",
  "optimal_size",
  "optimal_size_lines",
  "pareto",
  "table_1",
  "table_3",
  "theory",
  "variance",
)


@pytest.fixture(name="workdir", scope="module")
def _workdir(tmp_path_factory):
  records = factory.sweep(12, ("small", "large"), seeds=2)
  # One seed of the last run is not finished: problems 110 and 111 lack.
  records = [
    r
    for r in records
    if (r["run"]["policy"], r["run"]["n"], r["run"]["seed"]) != ("large", 16, 1)
    or r["problem"]["id"] < 110
  ]
  path = factory.write(tmp_path_factory.mktemp("sweep"), records)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(style, "save", _save_some)
    analysis.write_report(path, num_subsets=20)
  return path


def _save_some(figure, folder, name, save=style.save):
  """Renders two figures of all, which would take most of the time."""
  if name in RENDERED:
    return save(figure, folder, name)
  for end in ("png", "pdf"):
    (folder / f"{name}.{end}").touch()
  return []


@pytest.fixture(name="report", scope="module")
def _report(workdir):
  return (workdir / "report.md").read_text()


def test_every_file_is_written(workdir):
  for name in RENDERED:
    png = (workdir / "figures" / f"{name}.png").read_bytes()
    pdf = (workdir / "figures" / f"{name}.pdf").read_bytes()
    assert png.startswith(b"\x89PNG") and pdf.startswith(b"%PDF")
  for folder, names in (("claims", CLAIMS), ("tables", TABLES)):
    assert sorted(p.stem for p in (workdir / folder).iterdir()) == list(names)
    for name in names:
      assert len(pd.read_csv(workdir / folder / f"{name}.csv"))


def test_the_tables_are_there_in_latex_too(workdir, report):
  made = (workdir / "report.tex").read_text()
  tables = re.findall(r"^\|[ :|-]+\|$", report, re.MULTILINE)
  assert made.count("\\begin{table}") == len(tables) > 5


def test_each_column_of_the_summary_is_described(workdir):
  described = [
    column for columns, _ in summary_lib.describe()
    for column in columns.split(", ")
  ]  # fmt: skip
  columns = list(pd.read_csv(workdir / "summary.csv"))
  assert described[: len(columns)] == columns
  assert described[len(columns) :] == ["machine_seconds", "dollars"]
  page = pathlib.Path(analysis.__file__).with_name("README.md").read_text()
  for names, meaning in summary_lib.describe():
    cells = ", ".join(f"`{name}`" for name in names.split(", "))
    assert f"\n| {cells} | {meaning} |\n" in page


def test_summary_reads_back(workdir):
  summary = pd.read_csv(workdir / "summary.csv")
  assert set(summary["policy"]) == {"small", "large"}
  assert set(summary["aggregation"]) == {
    "none",
    "last",
    "min",
    "mean",
    "product",
  }


def test_embedded_figures_exist(workdir, report):
  links = re.findall(r"\]\((figures/[^)]+)\)", report)
  assert len(links) == 2 * len(FIGURES)
  assert all((workdir / link).exists() for link in links)


def test_report_says_how_it_was_made(report):
  for words in (
    "`paper`",
    "bootstrap over problems",
    "Seeds: 1 to 2",
    "Fewer than 30 problems",
    "Incomplete: large rebase n=16 seed=1 has 10 of 12",
    "large rebase n=16: 2 of 12 problems are left out",
  ):
    assert words in report


def test_table_four_has_the_papers_rows(report):
  section = report.split("## Accuracy at the largest n")[1].split("##")[0]
  rows = [
    line.split("|")[2].strip() for line in section.splitlines() if "|" in line
  ][2:]
  rows = [row for row in rows if row]
  methods = [
    f"{s} + {v}" for s in ("Sampling", "REBASE") for v in ("MV", "BoN", "WV")
  ]
  assert rows == 2 * ["Greedy", *methods]


def test_the_mean_over_samples_is_that_of_all_candidates(report, workdir):
  right = {}
  for line in (workdir / "records.jsonl").read_text().splitlines():
    record = json.loads(line)
    run = record["run"]
    if run["strategy"] == "sampling":
      key = run["policy"], run["n"], record["problem"]["id"]
      right.setdefault(key, []).extend(
        candidate["correct"] for candidate in record["candidates"]
      )
  part = report.split("## Mean over samples (avg@n)")[1].split("\n## ")[0]
  rows = [line.strip("| ").split(" | ") for line in part.splitlines()]
  rows = {row[0]: row for row in rows if len(row) == 7 and row[1] == "Sampling"}
  assert set(rows) == {"small", "large"}
  for policy, row in rows.items():
    n = int(row[2])
    shares = [
      sum(values) / (2 * n)
      for key, values in right.items()
      if key[:2] == (policy, n) and len(values) == 2 * n  # of both seeds
    ]
    assert len(shares) == int(row[3]) == {"small": 12, "large": 10}[policy]
    assert row[4].startswith(f"{100 * sum(shares) / len(shares):.1f} [")


def test_claims_are_judged(report):
  section = report.split("## Claims")[1].split("##")[0]
  assert "Error falls as n grows" in section
  assert "n = 16 | **" in section and "n = 64 | **no data**" in section


@pytest.fixture(name="undrawn")
def _undrawn(monkeypatch):
  """Figures are built but not rendered, which takes most of the time."""
  monkeypatch.setattr(style, "save", lambda figure, folder, name: [])


def test_report_is_the_same_when_written_again(tmp_path, undrawn):
  # Of 16 samples some sizes have more subsets than are enumerated.
  workdir = factory.write(
    tmp_path / "sweep", factory.sweep(4, ("small",), (("sampling", 16),))
  )
  written = []
  for _ in range(2):
    report = analysis.write_report(workdir, num_subsets=20)
    written.append([report.read_bytes(), _csv_files(workdir)])
  assert written[0] == written[1]


def _csv_files(workdir):
  return {path: path.read_bytes() for path in workdir.rglob("*.csv")}


def test_figure_files_are_the_same_when_drawn_again(workdir, tmp_path):
  summary = pd.read_csv(workdir / "summary.csv")
  figure = policy_panels.completion(summary)
  for path in style.save(figure, tmp_path, "completion"):
    assert path.read_bytes() == (workdir / "figures" / path.name).read_bytes()


EVERY_RUN = (*factory.ALL_RUNS, ("ab_mcts", 4), ("particle_gibbs", 4))


@pytest.fixture(name="everything", scope="module")
def _everything(tmp_path_factory):
  """A folder with all kinds of strategies and its report, nothing drawn."""
  path = factory.write(
    tmp_path_factory.mktemp("everything"),
    factory.sweep(10, ("small", "large"), EVERY_RUN, seeds=1),
  )
  drawn = {}
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(
      style, "save", lambda figure, folder, name: drawn.update({name: figure})
    )
    text = analysis.write_report(path, num_subsets=20).read_text()
  return text, drawn


def test_all_strategies_stand_in_the_report_by_their_names(everything):
  text, _ = everything
  section = text.split("## All strategies against sampling")[1].split("##")[0]
  for strategy in {name for name, _ in EVERY_RUN}:
    name = strategies.strategy_name(strategy)
    assert name in text.split("\n## ")[0]
    compared = strategies.kind_of(strategy) not in ("greedy", "sampling")
    assert (f"| {name} |" in section) == compared
  for words in (
    "mirrors Figures 6 and 7",
    "(Table 1 of the paper)",
    "(Table 3 of the paper)",
    "(Table 4 of the paper)",
    "(for MCTS and Particle Gibbs and AB-MCTS, that costs fewer FLOPs)",
    "expansions, for particle Gibbs that of the beams of each filter, for "
    "AB-MCTS that of the steps.",
    "REBASE is ahead of sampling at the same FLOPs",
    "MCTS is behind sampling at the same FLOPs",
    "fewer FLOPs than sampling",
    "The aggregation inside a search is unchanged",
  ):
    assert words in text
  assert "nan" not in text and "inf]" not in text


def test_all_strategies_are_drawn_without_a_warning(everything):
  _, drawn = everything
  assert sorted(drawn) == sorted([*FIGURES, "variants"])
  for figure in drawn.values():
    figure.draw_without_rendering()


def test_percentages_end_at_none_and_all(everything):
  _, drawn = everything
  for name in ("error_vs_n", "easy_vs_hard", "completion", "voting_methods"):
    for panel in drawn[name].axes:
      low, high = panel.get_ylim()
      assert 0 <= low < high <= 100, name


def test_labels_of_flops_do_not_overlap():
  for low, high in (
    *((1.15e9, 4.9e9), (9e8, 1.1e9), (1e6, 1e14), (3, 7), (1.5e7, 4.5e7)),
    *((2.1e7, 2.9e7), (3.3e7, 5.7e7), (1e8, 1.01e8)),
  ):
    figure, axes = style.new_figure(1, 4, width=2.1)
    axes[0, 0].plot([low, high], [0, 1])
    style.cost_axis(axes[0, 0], "flops_paper")
    figure.draw_without_rendering()
    boxes = [
      label.get_window_extent()
      for label in axes[0, 0].get_xticklabels()
      if label.get_text()
    ]
    assert len(boxes) > 1
    for left, right in itertools.pairwise(boxes):
      assert left.x1 + 0.04 * figure.dpi < right.x0


def test_no_two_strategies_look_alike():
  names = ["sampling", *(f"rebase/{word}" for word in "abcdef"), "rebase"]
  looks = style.strategy_styles(names)
  assert len({(look["color"], look["marker"]) for look in looks.values()}) == 8


def test_kinds_differ_and_say_what_n_is():
  kinds = style.KIND_COLORS.keys() | style.KIND_MARKERS.keys()
  looks = style.strategy_styles(kinds).values()
  assert len({(look["color"], look["marker"]) for look in looks}) == len(kinds)
  label = style.sizes_label
  assert label(["sampling", "rebase/cold"]) == "candidates n"
  words = "candidates n (MCTS: expansions; AB-MCTS: steps)"
  assert label(["ab_mcts/beta", "sampling", "mcts"]) == words


@pytest.mark.parametrize(
  ("low", "high", "words"),
  [
    (1.0, 1.45, "a = 1.31 [1.00, 1.45]"),
    (1.307, 1.311, "a = 1.31 (two sizes: no interval)"),
    (math.nan, math.nan, "a = 1.31 (two sizes: no interval)"),
  ],
)
def test_slopes_are_written_with_their_intervals(workdir, low, high, words):
  summary = pd.read_csv(workdir / "summary.csv", keep_default_na=False)
  points, fits = (
    pd.read_csv(workdir / "tables" / f"{name}.csv")
    for name in ("optimal_size", "optimal_size_lines")
  )
  fits = fits.assign(slope=1.31, slope_low=low, slope_high=high, sizes=2)
  figure = policy_sizes.optimal_size(
    summary, points, fits, "last", "flops_paper"
  )
  texts = [text.get_text() for text in figure.axes[-1].texts]
  assert f"Sampling: {words}" in texts


@pytest.mark.parametrize(
  "records",
  [
    factory.sweep(1, ("small",), (("greedy", 1),), seeds=1),
    factory.sweep(3, ("medium",), (("sampling", 4),), seeds=1),
    factory.sweep(3, ("small", "large"), (("rebase", 2),), seeds=1),
    factory.sweep(12, ("small",), (("sampling", 2),), seeds=1)[:2],
  ],
  ids=["one greedy problem", "one strategy", "one n", "no hard problem"],
)
def test_few_data_give_a_report_too(tmp_path, undrawn, records):
  workdir = factory.write(tmp_path / "sweep", records)
  report = analysis.write_report(workdir).read_text()
  assert "No records yet of policies" in report
  assert "no data" in report


def test_without_a_reward_model_there_is_majority_voting_alone(
  tmp_path, monkeypatch
):
  records = factory.sweep(12, ("small",), (("greedy", 1), ("sampling", 8)))
  rewarded = [load.parse_record(r, f"x:{i}") for i, r in enumerate(records)]
  with_reward = analysis.analyze(
    rewarded, factory.PARAMETERS, num_subsets=20
  ).summary
  with_reward.to_csv(tmp_path / "summary.csv", index=False)
  without = factory.write(
    tmp_path / "without", [factory.unrewarded(record) for record in records]
  )
  drawn = {}
  monkeypatch.setattr(
    style, "save", lambda figure, folder, name: drawn.update({name: figure})
  )
  report = analysis.write_report(without, num_subsets=20).read_text()
  assert "No reward model: candidates vote by majority" in report
  assert "Sampling + MV" in report
  assert not re.search(r"\+ (WV|BoN)|step scores by", report)
  # The columns are those of a sweep with rewards, and so are the values.
  unrewarded, rewarded = (
    pd.read_csv(path / "summary.csv") for path in (without, tmp_path)
  )
  assert set(unrewarded["voting"]) == {"majority", "pass"}
  assert set(unrewarded["aggregation"]) == {"none"}
  rewarded = rewarded[rewarded["aggregation"] == "none"].reset_index(drop=True)
  pd.testing.assert_frame_equal(unrewarded, rewarded)
  growth = pd.read_csv(without / "claims" / "growth.csv")
  assert list(growth["voting"]) == ["majority"]
  compared = {"aggregations", "equal_budget"}
  assert set(drawn) == set(FIGURES) - compared
  for figure in drawn.values():
    words = " ".join(text.get_text() for text in figure.findobj(text_lib.Text))
    assert not re.search("WV|weighted|best of n", words)


@pytest.mark.parametrize("aggregation", ["last", "median"])
def test_without_a_reward_model_no_aggregation_is_known(
  tmp_path, undrawn, aggregation
):
  records = factory.sweep(3, ("small",), (("sampling", 4),))
  workdir = factory.write(
    tmp_path / "sweep", [factory.unrewarded(record) for record in records]
  )
  with pytest.raises(
    ValueError, match=r"is not known; expected one of .'none'"
  ):
    analysis.write_report(workdir, aggregation=aggregation)


def test_records_with_and_without_rewards_do_not_mix(tmp_path, undrawn):
  records = factory.sweep(3, ("small",), (("sampling", 4),))
  records[0] = factory.unrewarded(records[0])
  workdir = factory.write(tmp_path / "sweep", records)
  with pytest.raises(analysis.RecordError, match="no aggregation has"):
    analysis.write_report(workdir)


def test_unknown_option_values_are_refused(workdir):
  with pytest.raises(
    ValueError, match=r"hard_from is 99; expected a level from \d to \d, which"
  ):
    analysis.write_report(workdir, hard_from=99)
  with pytest.raises(ValueError, match="'median' is not known"):
    analysis.write_report(workdir, aggregation="median")


def test_aggregation_follows_the_votes_that_records_hold(tmp_path, undrawn):
  records = factory.sweep(3, ("small",), (("sampling", 4), ("rebase", 4)))
  for record in records:
    for how in ("last", "mean"):
      for voting in ("best_of_n", "weighted"):
        del record["votes"][f"{voting}/{how}"]
  workdir = factory.write(tmp_path / "sweep", records)
  report = analysis.write_report(workdir).read_text()
  assert "read step scores by `min`" in report
  table = report.split("## Accuracy at")[1].split("##")[0]
  assert table.count("REBASE + WV") == 1
  with pytest.raises(ValueError, match="'last' is not known"):
    analysis.write_report(workdir, aggregation="last")
  del (
    records[0]["votes"]["weighted/min"],
    records[0]["votes"]["weighted/product"],
  )
  factory.write(workdir, records)
  with pytest.raises(analysis.RecordError, match="no aggregation has"):
    analysis.write_report(workdir)


def test_config_without_parameters_is_refused(tmp_path):
  workdir = factory.write(
    tmp_path / "sweep", factory.sweep(1, ("small",), (("greedy", 1),))
  )
  (workdir / "config.json").write_text(json.dumps({"policies": {"small": {}}}))
  with pytest.raises(analysis.RecordError, match=r"config\.json: expected"):
    analysis.write_report(workdir)


def test_failed_writing_names_the_folder(tmp_path, monkeypatch):
  workdir = factory.write(
    tmp_path / "sweep", factory.sweep(1, ("small",), (("greedy", 1),))
  )

  def full(*args, **kwargs):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(pd.DataFrame, "to_csv", full)
  with pytest.raises(OSError, match="records are safe"):
    analysis.write_report(workdir, num_subsets=20)


def test_numbers_are_written_for_readers():
  row = {"gain": 0.0321, "gain_low": -0.001, "gain_high": 0.06}
  assert wording.points(row, "gain") == "+3.2 [-0.1, +6.0]"
  assert wording.percent(0.435, 0.4, 0.5) == "43.5 [40.0, 50.0]"
  assert [wording.count(p) for p in (950, 123_456, 1_600_000)] == [
    "950",
    "123k",
    "1.6M",
  ]
