"""The launcher of reports, run in this process."""

import pathlib

import pytest
from absl import app

from inference_scaling import analysis, launching
from inference_scaling.analysis.figures import style
from tests.analysis import factory
from tests.launch.programs_test import launcher

PLAIN = {
  "aggregation": None, "convention": "paper", "hard_from": 4,
  "hidden_states": "twice", "price_per_hour": None, "stopping_rules": False,
}  # fmt: skip


@pytest.fixture(name="report")
def _report(monkeypatch):
  """Runs the launcher on arguments."""
  with launcher("report", monkeypatch) as (module, values):

    def run(*words):
      for name in values:
        values[name].unparse()  # what an earlier run has been given
      module.main(values(["launch/report.py", *words]))

    yield run


@pytest.fixture(name="calls")
def _calls(tmp_path, monkeypatch):
  """What the launcher asks for; nothing is written."""
  calls = []

  def write_report(folders, output, **options):
    calls.append((folders, output, options))
    return tmp_path / "report.md"

  monkeypatch.setattr(analysis, "write_report", write_report)
  return calls


def test_folders_and_flags_are_handed_on(report, calls, tmp_path, capsys):
  report("--workdir=there")
  report(
    "there", "--aggregation=mean", "--convention=full", "--hard_from=3",
    "--hidden_states=once", "--price_per_hour=2.5", "--stopping_rules",
  )  # fmt: skip
  report("here", "there", "--output=joined")
  changed = {
    "aggregation": "mean", "convention": "full", "hard_from": 3,
    "hidden_states": "once", "price_per_hour": 2.5, "stopping_rules": True,
  }  # fmt: skip
  assert calls == [
    (["there"], None, PLAIN),
    (["there"], None, changed),
    (["here", "there"], "joined", PLAIN),
  ]
  assert f"{tmp_path}/summary.csv" in capsys.readouterr().out


@pytest.mark.parametrize(
  "words", [(), ("",), ("--workdir=",), ("here", ""), ("here", "--output=")]
)
def test_a_missing_folder_shows_the_usage(report, calls, words):
  with pytest.raises(app.UsageError, match="a folder is missing; give one"):
    report(*words)
  assert not calls


def write(folder, strategy):
  records = factory.sweep(2, ("small",), ((strategy, 1),), seeds=1)
  return factory.write(folder, records)


def test_records_alone_are_needed(report, tmp_path, monkeypatch):
  monkeypatch.setattr(style, "save", lambda *figure: [])
  folder = write(tmp_path / "sweep", "greedy")
  report(f"--workdir={folder}")
  assert "Greedy" in (folder / "report.md").read_text("utf-8")
  (folder / "records.jsonl").unlink()
  with pytest.raises(launching.USER_ERRORS, match=r"records\.jsonl"):
    report(f"--workdir={folder}")


def test_one_report_covers_several_folders(report, tmp_path, monkeypatch):
  monkeypatch.setattr(style, "save", lambda *figure: [])
  folders = [str(write(tmp_path / name, name)) for name in ("greedy", "rebase")]
  with pytest.raises(launching.USER_ERRORS, match="such as --output="):
    report(*folders)
  report(*folders, f"--output={tmp_path / 'new' / 'joined'}")
  text = (tmp_path / "new" / "joined" / "report.md").read_text("utf-8")
  assert "- Strategies: Greedy, REBASE\n" in text
  assert not [path for path in pathlib.Path(folders[0]).glob("report.md")]
