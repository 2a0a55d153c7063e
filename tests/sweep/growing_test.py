"""A sweep that grows has the records of the larger one from the start."""

import json
import pathlib
import shutil

import pytest

from inference_scaling import spec, sweep
from inference_scaling.sweep.records import files, recorded
from tests.sweep import tiny

# Two problems of the demo, as a version without the key `percent` left them.
OLD = pathlib.Path(__file__).parent / "old_folder"


def lines(folder):
  return sorted((folder / "records.jsonl").read_bytes().splitlines())


def quietly(config, folder):
  said = []
  sweep.run_sweep(config, folder, say=said.append)
  return "\n".join(said)


def part(family):
  """A part of the tiny sweep: fewer problems, policies, runs and votes."""
  config = tiny.config(family, aggregations=("min",))
  config["task"]["limit"] = 2
  del config["policies"]["large"], config["runs"]["sampling"]
  config["runs"]["rebase"]["seeds"] = (1,)
  return config


@pytest.fixture(scope="module")
def begun(family, tmp_path_factory):
  folder = tmp_path_factory.mktemp("begun")
  quietly(part(family), folder)
  return folder


def test_more_of_everything_gives_the_larger_sweep(
  family, swept, begun, tmp_path
):
  folder = shutil.copytree(begun, tmp_path / "grown")
  assert len(lines(folder)) == 2 * 2
  said = quietly(tiny.config(family), folder)
  assert "Going on: 4 records are there already." in said
  assert lines(folder) == lines(swept)
  content = json.loads((folder / "config.json").read_text())
  assert content == json.loads((swept / "config.json").read_text())
  with pytest.raises(ValueError) as caught:
    quietly(part(family), folder)
  for words in ("policies.large: ", "aggregations: ", "large sampling n=4",
                "small rebase n=4 seed=0 -> (absent)"):  # fmt: skip
    assert words in str(caught.value)
  assert lines(folder) == lines(swept)


@pytest.mark.slow
def test_a_folder_of_an_older_version_goes_on_and_grows(tmp_path):
  folder = shutil.copytree(OLD, tmp_path / "old")
  before = lines(folder)
  stored = json.loads((folder / "config.json").read_text())["config"]
  config = spec.renew(stored)
  assert "Nothing is left" in quietly(config, folder)
  assert lines(folder) == before
  del config["runs"]["rebase"]["temperature"]  # at its default
  config["task"]["count"] = 3
  quietly(config, folder)
  assert set(before) < set(lines(folder)) and len(lines(folder)) == 2 * 3


def test_fewer_problems_are_refused_by_name(family, begun, tmp_path):
  folder = shutil.copytree(begun, tmp_path / "fewer")
  config = part(family)
  config["task"]["limit"] = 1
  with pytest.raises(ValueError, match="problem 1: it is gone"):
    quietly(config, folder)


def test_what_places_work_may_change_and_is_said(family, begun, tmp_path):
  folder = shutil.copytree(begun, tmp_path / "moved")
  config = {**part(family), "batch_size": 4, "cache": "tree"}
  said = quietly(config, folder)
  assert "Changed since the last start: config.batch_size: 8 -> 4" in said
  assert 'config.cache: "dense" -> "tree"' in said
  assert lines(folder) == lines(begun)
  content = json.loads((folder / "config.json").read_text())
  assert content["config"]["batch_size"] == 4
  assert "Changed since" not in quietly(config, folder)


def test_models_and_problems_may_move(family, begun, tmp_path):
  folder = shutil.copytree(begun, tmp_path / "folder")
  other = shutil.copytree(family, tmp_path / "elsewhere")
  assert "Nothing is left" in quietly(part(other), folder)
  assert lines(folder) == lines(begun)


def test_a_new_vote_needs_no_model(begun, swept, tmp_path):
  folder = shutil.copytree(begun, tmp_path / "votes")
  with files.JsonLines(folder / "records.jsonl") as file:
    recorded.vote_again(file, ("last", "min", "mean", "product"))
    assert file.count == 4
  assert set(lines(folder)) <= set(lines(swept))


def test_a_kill_after_the_new_votes_lets_either_config_go_on(
  family, begun, tmp_path
):
  folder = shutil.copytree(begun, tmp_path / "killed")
  with files.JsonLines(folder / "records.jsonl") as file:
    recorded.vote_again(file, ("last", "min"))
  assert lines(folder) != lines(begun)
  assert "Nothing is left" in quietly(part(family), folder)
  assert lines(folder) == lines(begun)


def test_a_config_that_grows_while_another_process_writes_is_refused(
  family, begun, tmp_path
):
  folder = shutil.copytree(begun, tmp_path / "busy")
  with files.JsonLines(folder / "records.jsonl"):
    with pytest.raises(OSError, match="another process"):
      quietly(tiny.config(family), folder)
  content = json.loads((folder / "config.json").read_text())
  assert spec.read_sweep(content["config"]) == spec.read_sweep(part(family))
