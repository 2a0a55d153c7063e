"""A sweep that is resumed on another day asks what it asked before."""

import datetime
import json
import os
import shutil

import pytest

from inference_scaling import sweep
from inference_scaling.sweep import engine
from inference_scaling.sweep.records import start
from tests.sweep import solve_test, tiny

DAY = datetime.date(2001, 2, 3)


def test_the_day_stands_in_the_folder(tmp_path):
  path = tmp_path / "config.json"
  path.write_text(json.dumps(start.stamp({"config": 1}, DAY)))
  assert json.loads(path.read_text())["config"] == 1
  assert start.read(path) == DAY


def test_an_old_folder_began_when_its_config_was_written(tmp_path):
  path = tmp_path / "config.json"
  path.write_text(json.dumps({"config": 1}))
  noon = datetime.datetime(2001, 2, 3, 12).timestamp()
  os.utime(path, (noon, noon))
  assert start.read(path) == DAY


@pytest.mark.parametrize("value", ["yesterday", "", 3, "2001-02-30", [DAY.day]])
def test_what_is_no_day_is_named(value, tmp_path):
  path = tmp_path / "config.json"
  path.write_text(json.dumps({"started": value}))
  with pytest.raises(ValueError, match=r"config.json: started is .*2026-01-31"):
    start.read(path)


@pytest.fixture
def dates(monkeypatch):
  """The dates with which prompts are made."""
  dates, prompts = [], engine.Engine.prompts

  def spied(self, policy, problems):
    dates.append(self.loaded.settings.date)
    return prompts(self, policy, problems)

  monkeypatch.setattr(engine.Engine, "prompts", spied)
  return dates


def test_a_sweep_begins_today_and_keeps_its_day(family, swept, tmp_path, dates):
  folder = shutil.copytree(swept, tmp_path / "cut")
  path, records = folder / "config.json", folder / "records.jsonl"
  saved = json.loads(path.read_text())
  assert datetime.date.fromisoformat(saved["started"]) <= datetime.date.today()
  path.write_text(json.dumps(saved | {"started": DAY.isoformat()}))
  whole = records.read_text().splitlines(keepends=True)
  records.write_text("".join(whole[:-1]))
  sweep.run_sweep(tiny.config(family), folder, say=lambda line: None)
  assert dates == [DAY]
  assert records.read_text().splitlines(keepends=True) == whole
  assert start.read(path) == DAY


def test_a_question_is_solved_with_the_date_of_today(family, dates):
  before = datetime.date.today()
  sweep.solve(
    "Anna has 3 apples.",
    policy=str(family / "small"),
    strategy="greedy",
    reward=str(family / "reward"),
    settings=solve_test.SETTINGS,
  )
  assert before <= dates[0] <= datetime.date.today()
