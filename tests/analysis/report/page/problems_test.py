"""Which problems a page has, and that it says so."""

import dataclasses
import json

import pytest

from inference_scaling.analysis.records import load
from inference_scaling.analysis.report.page import packing, problems
from tests.analysis import factory
from tests.analysis.report.page import sweeps

MUCH = 10_000_000


@pytest.fixture(name="records")
def _records(tmp_path):
  folder = factory.write(tmp_path / "sweep", sweeps.sweep(14))
  return load.read_records(folder / "records.jsonl")


def runs_of(records):
  return list(dict.fromkeys(map(problems.run_of, records)))


def choose(records, most=MUCH):
  return problems.choose(records, runs_of(records), "majority", most)


def test_all_problems_are_there_where_they_fit(records):
  chosen = choose(records)
  assert list(chosen.packed) == list(range(100, 114))
  assert chosen.left_out == ()
  rows = chosen.index["problems"]
  assert [row[0] for row in rows] == list(chosen.packed)
  assert rows[0][4] == sweeps.HOSTILE.strip()
  by = {(problems.run_of(r), r.problem): r.votes["majority"] for r in records}
  for row in rows:
    assert [mark == "1" for mark in row[5]] == [
      by[run, row[0]] for run in chosen.index["runs"]
    ]


def test_of_many_problems_the_first_of_each_level_are_taken(records):
  # Levels are 1 to 6: problems 100 to 105, then 106 to 111, and so on.
  whole = choose(records)
  one = max(len(text) for text in whole.packed.values())
  few = choose(records, 8 * one)
  taken = len(few.packed)
  assert 7 <= taken < 14
  assert list(few.packed) == list(range(100, 100 + taken))
  assert few.left_out == tuple(range(100 + taken, 114))
  size = sum(map(len, few.packed.values())) + len(packing.pack(few.index))
  assert size <= 8 * one
  assert choose(records, 0).packed == {}


def test_few_lines_of_a_large_file_are_looked_at(records, monkeypatch):
  read = []
  parse = problems.record_lib.parse
  monkeypatch.setattr(
    problems.record_lib, "parse", lambda *a: read.append(1) or parse(*a)
  )
  monkeypatch.setattr(problems, "_BATCH", 1)
  few = choose(records, 3000)
  assert 0 < len(few.packed) < 6
  # One problem more than there is space for.
  assert len(read) == (len(few.packed) + 1) * len(records) / 14


def test_batches_make_no_difference(records, monkeypatch):
  whole = choose(records)
  monkeypatch.setattr(problems, "_BATCH", 20_000)
  assert choose(records) == whole


def test_names_are_those_of_the_report(records):
  renamed = [dataclasses.replace(r, policy=f"{r.policy}@a") for r in records]
  runs = choose(renamed).index["runs"]
  assert {run[0] for run in runs} == {"small@a", "large@a"}


def test_a_search_that_is_not_recorded_is_told_apart(records):
  rows = choose(records[1:]).index["problems"]
  assert rows[0][5].startswith("-") and "-" not in rows[1][5]


def test_a_file_that_has_changed_is_refused(records):
  path, _ = records[0].line
  lines = path.read_text().splitlines(keepends=True)
  path.write_text("".join(reversed(lines)))
  with pytest.raises(load.RecordError, match=r"jsonl:1: the line is another"):
    choose(records)
  path.write_text(json.dumps({}))
  with pytest.raises(load.RecordError, match="write the report again"):
    choose(records)


@pytest.mark.parametrize(
  ("numbers", "words"),
  [
    ((), ""), ((3,), "3"), ((0, 1, 2, 7, 9, 10), "0 to 2, 7, 9 to 10"),
    (tuple(range(0, 10, 2)), "0, 2, 4, and others"),
  ],
)  # fmt: skip
def test_ranges(numbers, words):
  assert problems.ranges(numbers, most=3) == words
