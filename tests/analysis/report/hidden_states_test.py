"""A report on a value head: both ways of charging, and none of it elsewhere."""

import pandas as pd
import pytest

from inference_scaling import analysis
from inference_scaling.analysis.figures import style
from tests.analysis import factory

RUNS = (("greedy", 1), ("sampling", 4), ("rebase", 2), ("rebase", 4))


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
  """Figures are built but not rendered, which takes most of the time."""
  monkeypatch.setattr(style, "save", lambda figure, folder, name: [])


def records(headed=True):
  """Of two policies, the larger of which is the head's body."""
  return [
    factory.with_value_head(record)
    if headed and record["run"]["policy"] == "large"
    else record
    for record in factory.sweep(8, ("small", "large"), RUNS, seeds=1)
  ]


def write(folder, output, **options):
  path = analysis.write_report(folder, output, num_subsets=5, **options)
  return path.read_text("utf-8"), {
    file.relative_to(output): file.read_bytes()
    for file in output.rglob("*.csv")
  }


def section(text):
  return text.split("## Reward charged once or twice\n")[1].split("\n## ")[0]


@pytest.fixture(name="reports", scope="module")
def _reports(tmp_path_factory):
  """The folders of one sweep's reports, charged twice and once."""
  root = tmp_path_factory.mktemp("reports")
  folder = factory.write(root / "sweep", records())
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(style, "save", lambda figure, folder, name: [])
    write(folder, root / "twice")
    write(folder, root / "once", hidden_states="once")
  return root / "twice", root / "once"


def test_both_ways_stand_in_either_report(reports):
  twice, once = ((path / "report.md").read_text("utf-8") for path in reports)
  assert "charged twice, by the policy and by the reward model; `--hid" in twice
  assert "charged once, by the policy: of the reward model only" in once
  text = section(twice)
  assert text.replace("states twice every", "states once every") == section(
    once
  )
  assert "hidden states of large, which" in text and "| small" not in text
  methods = [
    line.split(" | ")[1:3] for line in text.splitlines() if "WV" in line
  ]
  assert ["REBASE + WV", "2"] in methods and ["REBASE + WV", "4"] in methods
  for name in ("hidden_states", "hidden_states_leads"):
    one, other = (path / "tables" / f"{name}.csv" for path in reports)
    assert one.read_bytes() == other.read_bytes()
  frame = pd.read_csv(reports[0] / "tables" / "hidden_states.csv")
  row = frame[(frame["strategy"] == "rebase") & (frame["n"] == 4)].iloc[0]
  cells = [
    f"{row[f'flops_{convention}_{way}']:.3g}"
    for convention in ("with_reward", "full")
    for way in ("twice", "once")
  ]
  assert " | ".join(cells) + " |" in text
  shares = frame["flops_full_once"] / frame["flops_full_twice"]
  shares = shares[shares < 1]
  assert f"{shares.min():.0%} to {shares.max():.0%} in `full`;" in text


def test_the_choice_changes_what_reads_rewards_of_the_own_policy(reports):
  twice, once = (pd.read_csv(path / "summary.csv") for path in reports)
  columns = ["flops_with_reward", "flops_full"]
  read = ~twice["voting"].isin(["majority", "pass"])
  changed = (twice["policy"] == "large") & (
    read | (twice["strategy"] == "rebase")
  )
  assert changed.any() and not changed.all()
  for column in columns:
    assert ((once[column] < twice[column]) == changed).all()
    costs = f"{column}_hard"
    assert ((once[costs] < twice[costs]) == changed).all()
  rest = [c for c in twice.columns if not c.startswith(tuple(columns))]
  pd.testing.assert_frame_equal(twice[rest], once[rest])
  # Tables follow: what the report compares is what it was told to charge.
  pareto = pd.read_csv(reports[1] / "tables" / "pareto.csv")
  keys = ["policy", "strategy", "n", "voting", "aggregation"]
  both = pareto.merge(once, on=keys, suffixes=("", "_summary"))
  assert len(both) == len(pareto)
  assert both["flops_full"].equals(both["flops_full_summary"])


def test_other_reports_are_as_they_were(tmp_path):
  folder = factory.write(tmp_path / "sweep", records(headed=False))
  plain = write(folder, tmp_path / "twice")
  assert plain == write(folder, tmp_path / "once", hidden_states="once")
  text, tables = plain
  assert "idden states" not in text and "charged" not in text.split("## How")[0]
  assert not [path for path in tables if "hidden" in path.name]
  with pytest.raises(ValueError, match="hidden_states 'thrice' is not known"):
    analysis.write_report(folder, hidden_states="thrice")


def test_tables_of_an_earlier_report_do_not_stay(tmp_path):
  folder = factory.write(tmp_path / "sweep", records())
  _, tables = write(folder, tmp_path / "report")
  assert len([path for path in tables if "hidden" in path.name]) == 2
  factory.write(folder, records(headed=False))
  _, tables = write(folder, tmp_path / "report")
  assert not [path for path in tables if "hidden" in path.name]
