"""Machine seconds of records, read from timings.jsonl."""

import json

import pytest

from inference_scaling.analysis.records import load, timings
from tests.analysis import factory

RUNS = (("sampling", 2), ("rebase", 2))


@pytest.fixture(name="folder")
def _folder(tmp_path):
  return factory.write(tmp_path, factory.sweep(3, ("small",), RUNS))


def read(folder):
  records = load.read_records(folder / "records.jsonl")
  return timings.add_times(records, folder / "timings.jsonl")


def change(folder, number, **values):
  """Changes keys of one line."""
  path = folder / "timings.jsonl"
  lines = path.read_text().splitlines()
  lines[number] = json.dumps(json.loads(lines[number]) | values)
  path.write_text("\n".join(lines) + "\n")


def test_each_record_has_its_own_time_whatever_the_order(folder):
  made = factory.sweep(3, ("small",), RUNS)
  factory.write_timings(folder, made[::-1])
  for number in range(len(made)):
    change(folder, number, machine_seconds=number + 0.5)
  seconds = [record.machine_seconds for record in read(folder)]
  assert seconds == [number + 0.5 for number in range(len(made))][::-1]


def test_what_an_older_version_wrote_has_no_time(folder):
  assert {record.machine_seconds for record in read(folder)} == {None}
  path = factory.write_timings(folder, factory.sweep(3, ("small",), RUNS))
  lines = [json.loads(line) for line in path.read_text().splitlines()]
  del lines[1]["machine_seconds"]
  path.write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
  seconds = [record.machine_seconds for record in read(folder)]
  assert [i for i, value in enumerate(seconds) if value is None] == [
    1, len(seconds) - 1,
  ]  # fmt: skip


def test_times_of_what_is_not_recorded_are_left(folder):
  factory.write_timings(folder, factory.sweep(4, ("small", "large"), RUNS))
  assert None not in [record.machine_seconds for record in read(folder)]


@pytest.mark.parametrize(
  ("values", "words"),
  [
    ({"machine_seconds": -1}, "is -1; expected a finite number >= 0"),
    ({"machine_seconds": float("nan")}, "is nan; expected a finite number"),
    ({"machine_seconds": True}, "is True; expected"),
    ({"machine_seconds": "3"}, "is '3'; expected"),
    ({"problem": "100"}, "field 'problem' is '100'; expected int"),
    ({"run": {"policy": "small"}}, "run: field 'strategy' is missing"),
    ({"problem": 101}, r"have a time already; expected one line each"),
  ],
)
def test_a_bad_line_is_named(folder, values, words):
  factory.write_timings(folder, factory.sweep(3, ("small",), RUNS))
  change(folder, 2, **values)
  with pytest.raises(load.RecordError, match=f"timings.jsonl:3.*{words}"):
    read(folder)


def test_a_line_that_is_no_object_is_named(folder):
  path = factory.write_timings(folder, factory.sweep(3, ("small",), RUNS))
  path.write_text("[]\n" + path.read_text())
  with pytest.raises(load.RecordError, match=r"timings.jsonl:1: not a JSON"):
    read(folder)
