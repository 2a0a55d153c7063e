"""Records stay with the problems that they are of, and only with these."""

import datetime
import json
import os
import shutil

import pytest

from inference_scaling import sweep, tasks
from inference_scaling.sweep.records import (
  files,
  record,
  recorded,
)
from tests.sweep import tiny

RUNS = {
  "sampling": {
    "strategy": "sampling", "policies": ("large",), "n": (2,), "seeds": (0, 1)
  },
}  # fmt: skip
ROWS = [
  {
    "question": f"Anna has {i + 2} apples. How many apples does Anna have?",
    "gold": gold,
    "level": 1 + i,
  }
  for i, gold in enumerate(tiny.GOLDS[:4])
]
TEXTS = [row | {"id": f"apples/{i}"} for i, row in enumerate(ROWS)]


class World:
  """A problem file that tests change, and sweeps over it."""

  def __init__(self, family, folder):
    self.path = folder / "problems.jsonl"
    task = {"kind": "jsonl", "path": str(self.path), "limit": 0}
    self.config = tiny.config(
      family, task=task, runs=RUNS, policies={"large": str(family / "large")}
    )

  def sweep(self, rows, workdir, **options):
    """Runs a sweep over some rows; returns what it said."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    self.path.write_text("\n".join(lines), encoding="utf-8")
    said = []
    sweep.run_sweep(self.config, workdir, say=said.append, **options)
    return "\n".join(said)


@pytest.fixture(name="world", scope="module")
def _world(family, tmp_path_factory):
  return World(family, tmp_path_factory.mktemp("world"))


@pytest.fixture(name="finished", scope="module")
def _finished(world, tmp_path_factory):
  folder = tmp_path_factory.mktemp("finished")
  world.sweep(ROWS, folder)
  return folder


@pytest.fixture(name="workdir")
def _workdir(finished, tmp_path):
  """A copy of a finished sweep over ROWS."""
  return shutil.copytree(finished, tmp_path / "run")


def lines(workdir, name="records.jsonl"):
  return (workdir / name).read_bytes().splitlines(keepends=True)


def changed(number, **fields):
  return [row | fields if i == number else row for i, row in enumerate(ROWS)]


# What is done to the file, and what is said of it.
CHANGES = {
  "gold": (changed(1, gold="4"), ["problem 1: gold '3' -> '4'"], 2),
  "level": (changed(2, level=5), ["problem 2: level 3 -> 5"], 2),
  "question": (
    changed(0, question=ROWS[0]["question"].replace("2", "9")),
    ["problem 0: question 'Anna has 2 apples. How many", "'Anna has 9 app"],
    2,
  ),
  "two fields": (
    changed(0, gold="8", question="How many?"),
    ["problem 0: gold '7' -> '8'; question 'Anna has 2 ap", "-> 'How many?'"],
    2,
  ),
  "a further gold": (
    changed(3, gold=["4", "four"]),
    ["problem 3: alternatives (none) -> ['four']"],
    2,
  ),
  "the last line is gone": (
    ROWS[:3],
    ["problem 3: it is gone, 'Anna has 5 apples."],
    2,
  ),
  "the first line is gone": (
    ROWS[1:],
    [
      "no longer what they were, 4 in all", "problem 0: level 1 -> 2; gold ",
      "problem 3: it is gone, ", "Of these, 3 have",
    ],
    8,
  ),
  "a line is put in": (
    [ROWS[0], {"question": "How many?", "gold": "7"}, *ROWS[1:]],
    ["problem 1: level 2 -> 1; gold '3' -> '7'", "Of these, 3 have"],
    6,
  ),
  "other ids": (
    [row | {"id": 9 - i} for i, row in enumerate(ROWS)],
    ["problem 0: it is gone", "problem 3: it is gone", "Of these, 4 have"],
    8,
  ),
  "names for ids": (TEXTS, ["problem 0: it is gone", "Of these, 4 have"], 8),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_changed_problems_are_refused_by_name(name, world, workdir):
  rows, words, count = CHANGES[name]
  before = lines(workdir)
  with pytest.raises(ValueError) as caught:
    world.sweep(rows, workdir)
  message = str(caught.value)
  assert str(workdir / "records.jsonl") in message
  for word in (*words, "--redo_changed", "--workdir", f"{count} of 8 records"):
    assert word in message
  assert lines(workdir) == before
  assert world.sweep(ROWS, workdir).endswith("Nothing is left to compute.")


@pytest.mark.parametrize(
  "rows",
  [
    [row | {"id": i, "comment": "new"} for i, row in enumerate(ROWS)],
    [
      {"problem": row["question"], "answer": [row["gold"]], "id": str(i),
       "level": f"Level {row['level']}"}
      for i, row in enumerate(ROWS)
    ],
    [row | {"id": i} for i, row in enumerate(ROWS)][::-1],
    [row | {"gold": f"${row['gold']}.0$"} for row in ROWS],
  ],
)  # fmt: skip
def test_the_same_problems_in_other_words_are_the_same(rows, world, workdir):
  before = lines(workdir)
  assert world.sweep(rows, workdir).endswith("Nothing is left to compute.")
  assert lines(workdir) == before


def test_a_gold_that_an_older_version_spelled_otherwise_is_the_same(
  world, workdir
):
  path = workdir / "records.jsonl"
  gold = json.loads(lines(workdir)[0])["problem"]["gold"]
  text = path.read_text(encoding="utf-8")
  older = text.replace(f'"gold":"{gold}"', f'"gold":"\\\\mathbf{{{gold}}}"')
  assert older != text
  path.write_text(older, encoding="utf-8")
  assert world.sweep(ROWS, workdir).endswith("Nothing is left to compute.")
  assert path.read_text(encoding="utf-8") == older


def test_added_problems_are_new_work(world, workdir):
  before = lines(workdir)
  more = {"question": "Anna has 7 apples. How many?", "gold": "7"}
  said = world.sweep([*ROWS, more], workdir)
  assert "Going on: 8 records are there already." in said
  assert lines(workdir)[:8] == before
  added = [json.loads(line)["problem"] for line in lines(workdir)[8:]]
  assert [problem["id"] for problem in added] == [4, 4]
  # Reports hold what is there against what there is to be.
  told = json.loads((workdir / "config.json").read_text(encoding="utf-8"))
  assert told["problems"] == 5


def test_an_older_folder_keeps_the_day_of_its_file(world, workdir):
  path = workdir / "config.json"
  older = json.loads(path.read_text(encoding="utf-8"))
  del older["problems"], older["started"]
  path.write_text(json.dumps(older), encoding="utf-8")
  day = datetime.datetime(2026, 1, 31, 12)
  os.utime(path, (day.timestamp(),) * 2)
  world.sweep(ROWS, workdir)
  told = json.loads(path.read_text(encoding="utf-8"))
  assert (told["problems"], told["started"]) == (4, "2026-01-31")


def test_changed_problems_are_computed_anew_on_request(
  world, workdir, tmp_path
):
  rows = [*changed(1, gold="4")[:3], {"question": "How many?", "gold": "7"}]
  said = world.sweep(rows, workdir, redo_changed=True)
  assert (
    "Dropped 4 of 8 records, of problems that have changed or are gone, 2 in"
    in said
  )
  assert "Going on: 4 records are there already." in said
  world.sweep(rows, tmp_path / "fresh")
  assert sorted(lines(workdir)) == sorted(lines(tmp_path / "fresh"))
  timings = [json.loads(line) for line in lines(workdir, "timings.jsonl")]
  assert len(timings) == 8
  kept = {(row["run"]["seed"], row["problem"]) for row in timings}
  assert kept == {(seed, i) for seed in (0, 1) for i in range(4)}
  assert "Nothing is left" in world.sweep(rows, workdir, redo_changed=True)


def test_records_of_problems_that_are_gone_go_on_request(world, workdir):
  before = lines(workdir)
  said = world.sweep(ROWS[:2], workdir, redo_changed=True)
  assert "Dropped 4 of 8 records" in said and "Nothing is left" in said
  assert lines(workdir) == [
    line for line in before if json.loads(line)["problem"]["id"] < 2
  ]


def test_a_kill_between_dropping_and_computing_loses_nothing_else(
  world, workdir, monkeypatch
):
  before = lines(workdir)
  rows = changed(2, gold="9")

  def kill(self, value):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(files.JsonLines, "append", kill)
    with pytest.raises(
      sweep.SweepInterruptedError, match=r"6 records in .* sa"
    ):
      world.sweep(rows, workdir, redo_changed=True)
  kept = [line for line in before if json.loads(line)["problem"]["id"] != 2]
  assert lines(workdir) == kept
  world.sweep(rows, workdir)
  assert lines(workdir)[:6] == kept and len(lines(workdir)) == 8


def test_a_problem_with_a_name_and_alternatives_is_recorded_so(world, tmp_path):
  # The tiny policy answers 7 in most of its candidates, and never "seven".
  rows = [row | {"gold": ["seven", "7"]} for row in TEXTS[:1]]
  world.sweep(rows, tmp_path)
  values = [json.loads(line) for line in lines(tmp_path)]
  for value in values:
    assert value["problem"] == {
      "id": tasks.load_problems(world.path)[0].id, "level": 1, "gold": "seven",
      "question": ROWS[0]["question"], "name": "apples/0",
      "alternatives": ["7"],
    }  # fmt: skip
  candidates = [
    candidate for value in values for candidate in value["candidates"]
  ]
  answers = {
    candidate["answer"]: candidate["correct"] for candidate in candidates
  }
  assert len(answers) > 1
  assert answers == {answer: answer == "7" for answer in answers}
  with pytest.raises(
    ValueError, match=r"problem apples/0: gold 'seven' -> '7'"
  ):
    world.sweep(TEXTS[:1], tmp_path)


def problem(number, question, gold="1", **fields):
  return tasks.Problem(number, question, gold, 1, "test", **fields)


RUN = {"policy": "p", "strategy": "sampling", "n": 1, "seed": 0}
CANDIDATE = {
  "answer": "1", "correct": True, "status": "finished", "step_scores": [0.5]
}  # fmt: skip


def written(path, problems):
  """A file with one record of each problem."""
  with files.JsonLines(path) as file:
    for row in problems:
      file.append(
        {
          "run": RUN,
          "problem": record.describe_problem(row),
          "candidates": [CANDIDATE],
          "votes": {"majority": {"answer": "1", "correct": True}},
          "ledger": {"policy_decode": 3},
        }
      )


def refusal(path, problems):
  with files.JsonLines(path) as file:
    rows, changes = recorded.read(file, "majority", problems)
    with pytest.raises(ValueError) as caught:
      recorded.refuse(file, changes, problems)
  return rows, str(caught.value)


def test_long_texts_are_cut_to_where_they_differ(tmp_path):
  path = tmp_path / "records.jsonl"
  old = "x" * 300 + "the middle has 7" + "y" * 300
  written(path, [problem(1, old)])
  _, message = refusal(path, [problem(1, old.replace("7", "8"))])
  line = message.splitlines()[1]
  assert "has 7yyy" in line and "has 8yyy" in line and len(line) < 200
  _, message = refusal(path, [problem(1, old + " more")])
  assert " more'" in message.splitlines()[1]
  _, message = refusal(path, [problem(1, old[:200])])
  assert len(message.splitlines()[1]) < 200


def test_many_changes_are_counted(tmp_path):
  path = tmp_path / "records.jsonl"
  written(path, [problem(i, f"q{i}") for i in range(40)])
  problems = [problem(i, f"q{i}", "1" if i < 5 else "2") for i in range(40)]
  rows, message = refusal(path, problems)
  assert [number for _, number, _ in rows] == list(range(5))
  assert "problem 5: gold" in message and "problem 14: gold" in message
  assert "problem 15" not in message and "and 25 more" in message
  assert "35 of 40 records" in message
  assert "under another id" not in message


def refused(path, words, aggregations=()):
  """Reads a file of a record and a bad line behind a blank one."""
  with files.JsonLines(path) as file:
    with pytest.raises(ValueError, match=rf"(?s)records\.jsonl, line {words}"):
      recorded.vote_again(file, aggregations)
      recorded.read(file, "majority", [problem(0, "q"), problem(1, "r")])


@pytest.mark.parametrize(
  "line",
  ["{}", '{"run": 1}', '{"run": {"n": 1}}', '{"run": {}, "problem": [1]}'],
)
def test_a_line_that_is_no_record_is_named(line, tmp_path):
  path = tmp_path / "records.jsonl"
  written(path, [problem(0, "q")])
  path.write_text(f"{path.read_text()}\n{line}\n")
  refused(path, "3: field .* is .*Delete the line and run")


@pytest.mark.parametrize(
  ("change", "words"),
  [
    (lambda r: r["run"].update(n="1"), "field 'n' is '1'; expected int"),
    (lambda r: r["problem"].update(id="1"), "field 'id' is '1'; expected int"),
    (lambda r: r["problem"].update(gold=3), "field 'gold' is 3; expected str"),
    (lambda r: r.pop("ledger"), "field 'ledger' is missing"),
    (lambda r: r.pop("candidates"), "field 'candidates' is missing"),
    (
      lambda r: r["candidates"][0].update(tokens="3"),
      "candidate 0: field 'tokens' is '3'",
    ),
    (
      lambda r: r["candidates"][0].update(step_scores=[float("nan")]),
      r"step_scores of candidate 0 are \[nan\]; expected one finite",
    ),
    (
      lambda r: r["candidates"][0].update(status="done"),
      "status of candidate 0 is 'done'",
    ),
    (lambda r: r["votes"].pop("majority"), "there is no vote 'majority'"),
  ],
)
@pytest.mark.parametrize("aggregations", [(), ("last",)])
def test_a_damaged_record_is_named_before_it_votes(
  change, words, aggregations, tmp_path
):
  path = tmp_path / "records.jsonl"
  written(path, [problem(0, "q"), problem(1, "r")])
  first, second = path.read_text().splitlines()
  value = json.loads(second)
  change(value)
  path.write_text(f"{first}\n{json.dumps(value)}\n")
  before = path.read_bytes()
  if "no vote" in words and aggregations:
    return  # votes are made anew
  refused(path, f"2: .*{words}.*Delete the line", aggregations)
  assert path.read_bytes() == before


@pytest.mark.parametrize("answer", ["1", "2"])
def test_a_record_that_stands_twice_is_named(answer, tmp_path):
  path = tmp_path / "records.jsonl"
  written(path, [problem(0, "q"), problem(1, "r")])
  text = path.read_text()
  again = text.splitlines()[0].replace('"1"', f'"{answer}"')
  path.write_text(f"{text}{again}\n")
  refused(path, "3, is of run p sampling n=1 seed=0 and problem 0, as line 1")


def test_records_of_another_run_are_told_and_stay(world, workdir):
  path = workdir / "records.jsonl"
  foreign = json.loads(lines(workdir)[0])
  foreign["run"]["n"] = 99
  path.write_text(path.read_text() + json.dumps(foreign) + "\n")
  before = lines(workdir)
  said = world.sweep(ROWS, workdir)
  assert "Not asked for: 1 of these records" in said and "n=99" in said
  assert lines(workdir) == before
  path.write_bytes(b"".join(before[:-1]))
  assert "Not asked for" not in world.sweep(ROWS, workdir)
