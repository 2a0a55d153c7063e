"""A report on records with machine seconds: tables, section, figures."""

import json
import re

import pandas as pd
import pytest

from inference_scaling import analysis
from inference_scaling.analysis.figures import style
from tests.analysis import factory

RUNS = (("greedy", 1), ("sampling", 4), ("rebase", 4))
POLICIES = ("small", "large")


@pytest.fixture(name="drawn", autouse=True)
def _drawn(monkeypatch):
  """Figures are built but not rendered, which takes most of the time."""
  drawn = {}
  monkeypatch.setattr(
    style, "save", lambda figure, folder, name: drawn.update({name: figure})
  )
  return drawn


@pytest.fixture(name="records", scope="module")
def _records():
  return factory.sweep(6, POLICIES, RUNS, seeds=1)


@pytest.fixture(name="folder")
def _folder(tmp_path, records):
  folder = factory.write(tmp_path / "sweep", records)
  factory.write_timings(folder, records)
  return folder


def write(folder, **options):
  report = analysis.write_report(folder, num_subsets=5, **options)
  return report.read_text("utf-8")


def section(text):
  return text.split("\n## Wall time")[1].split("\n## ")[0]


def test_hours_dollars_and_accuracy_by_cost_are_told(folder, drawn, records):
  text = section(write(folder, price_per_hour=90))
  assert text.startswith(" and money\n")
  assert "One hour of one process costs $90." in text
  hours = sum(map(factory.seconds_of, records)) / 3600
  assert f"| **all** |  |  |  | 36 | {hours:.3g} | {90 * hours:.3g} |" in text
  assert "| large | REBASE | 4 | 0 | 6 | 0.03 | 2.7 |" in text
  # 108 seconds of six problems, 18 each, at 2.5 cents; of one sample a share.
  assert re.search(
    r"\| large \| REBASE \+ WV \| 4 \| \S+ .*\| 18 \| 0.45", text
  )
  assert re.search(r"\| Sampling \+ WV \| 1 \| \S+ .*\| ~4.5 \| ~0.11", text)
  assert "not known" not in text and "nan" not in text
  for name, unit in (("hours", "machine hours"), ("dollars", "dollars")):
    figure = drawn[f"error_vs_{name}"]
    figure.draw_without_rendering()
    assert len(figure.axes) == len(POLICIES)
    assert figure.axes[0].get_xlabel() == f"{unit} per 1,000 problems"
    costs = sorted(
      {float(x) for line in figure.axes[1].lines for x in line.get_xdata()}
    )
    # Of 1, 2 and 4 samples; greedy takes 72 seconds, REBASE as 4 samples.
    factor = 1000 / 3600 * (90 if name == "dollars" else 1)
    assert costs == pytest.approx([factor * s for s in (4.5, 9, 12, 18)])


def test_without_a_price_there_is_time_alone(folder, drawn):
  text = section(write(folder))
  assert text.startswith("\n") and "$" not in text and "ollars" not in text
  assert "error_vs_hours" in drawn and "error_vs_dollars" not in drawn
  summary = pd.read_csv(folder / "summary.csv")
  assert summary["machine_seconds"].notna().all()
  assert "dollars" not in summary
  assert "dollars" not in pd.read_csv(folder / "tables" / "run_costs.csv")


def test_runs_of_an_older_version_are_left_out(folder, records):
  path = folder / "timings.jsonl"
  lines = [json.loads(line) for line in path.read_text().splitlines()]
  for line in lines:
    if line["run"]["policy"] == "small":
      del line["machine_seconds"]
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  text = section(write(folder, price_per_hour=1))
  assert "time of 18 of 36 records is not known" in text
  assert "3 of 6 runs are left out of these tables" in text
  assert "| large |" in text and "| small |" not in text
  summary = pd.read_csv(folder / "summary.csv")
  known = summary["machine_seconds"].notna()
  assert set(summary.loc[known, "policy"]) == {"large"}


def test_what_is_not_known_is_not_told(folder, drawn):
  write(folder, price_per_hour=1)
  (folder / "timings.jsonl").unlink()
  drawn.clear()
  assert "Wall time" not in write(folder)
  # Nothing of the earlier report is left.
  for name in ("run_costs", "accuracy_by_cost"):
    assert not (folder / "tables" / f"{name}.csv").exists()
  text = section(write(folder, price_per_hour=1))
  assert "time of 36 of 36 records is not known" in text and "|" not in text
  assert not {"error_vs_hours", "error_vs_dollars"} & set(drawn)
  assert "machine_seconds" not in pd.read_csv(folder / "summary.csv")


def test_a_worker_that_costs_nothing_has_no_figure_of_dollars(folder, drawn):
  text = section(write(folder, price_per_hour=0))
  assert "costs $0." in text
  assert "error_vs_hours" in drawn and "error_vs_dollars" not in drawn


def test_a_wrong_price_leaves_the_earlier_report(folder):
  (folder / "report.md").write_text("earlier")
  with pytest.raises(ValueError, match="price_per_hour is -1; expected"):
    write(folder, price_per_hour=-1)
  assert (folder / "report.md").read_text() == "earlier"


def test_copies_of_a_search_count_once_though_other_times_were_measured(
  folder, tmp_path, records
):
  other = factory.write(
    tmp_path / "other",
    [r for r in records if r["run"]["strategy"] != "rebase"],
  )
  (other / "timings.jsonl").write_text(
    "".join(
      json.dumps(
        {"run": r["run"], "problem": r["problem"]["id"], "machine_seconds": 1e6}
      )
      + "\n"
      for r in records
    )
  )
  report = analysis.write_report(
    [folder, other], tmp_path / "joined", num_subsets=5
  )
  assert "Searches that stand in several folders count once" in (
    report.read_text("utf-8")
  )
  runs = pd.read_csv(report.parent / "tables" / "run_costs.csv")
  assert runs["machine_seconds"].sum() == sum(map(factory.seconds_of, records))
