"""Records as dataclasses: every key that is written, and what is refused."""

import copy
import dataclasses
import json
import pathlib

import pytest

from inference_scaling import tasks
from inference_scaling.spec import record
from inference_scaling.sweep.records import record as writing
from inference_scaling.sweep.records import votes
from tests.analysis import factory, tree_records

PARTS = {
  "run": record.Run, "problem": record.Problem, "tree": record.Tree,
  "ledger": record.Ledger,
}  # fmt: skip


def fields(kind):
  return {field.name for field in dataclasses.fields(kind)}


def test_every_key_of_a_record_has_a_field_and_its_value():
  content = tree_records.small()
  content["problem"] |= {
    "name": "algebra/7", "alternatives": ["7"], "tolerances": [0.1]
  }  # fmt: skip
  assert record.parse(content).dtype == ""  # older versions do not write it
  content["dtype"] = "int8"
  content["ledger"]["flops_head"] = {"paper": 0.0}
  for candidate in content["candidates"]:
    candidate["confidence"] = {"likelihood": {"mean": 0.5}}
    candidate["thinking_tokens"] = 5
  content["ledger"]["policy_thinking"] = 15
  of_pairs = ("draft_decode", "draft_rejected", "draft_read", "target_decode",
              "target_read")  # fmt: skip
  content["ledger"] |= dict.fromkeys(of_pairs, 3)
  content["ledger"] |= {"flops_draft": {"paper": 6.0}, "flops_target": {}}
  read = record.parse(content)
  assert read.dtype == "int8"
  assert set(content) == fields(record.Record)
  for key, kind in PARTS.items():
    assert set(content[key]) == fields(kind)
    assert dataclasses.asdict(getattr(read, key)) == content[key]
  for candidate, expected in zip(
    read.candidates, content["candidates"], strict=True
  ):
    assert dataclasses.asdict(candidate) == expected
  assert {
    name: dataclasses.asdict(vote) for name, vote in read.votes.items()
  } == content["votes"]
  assert str(read.run) == "small rebase n=3 seed=0"
  assert read.problem.title == "algebra/7"


def test_what_a_sweep_writes_is_known():
  problem = tasks.Problem(
    id=3,
    level=2,
    question="Why?",
    gold="1",
    name="a/3",
    alternatives=("2",),
    tolerances=(0.1,),
    source="s",
  )
  assert set(writing.describe_problem(problem)) == fields(record.Problem)
  made = votes.make_votes(tree_records.small()["candidates"], ("last",))
  assert set(made["weighted/last"]) == fields(record.Vote)


def test_records_are_written_in_the_order_of_older_ones():
  """The bytes of a record stay: a kill and a resume must not show."""
  path = pathlib.Path(__file__).parents[1] / "sweep/old_folder/records.jsonl"
  content = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
  read = record.parse(content)
  pairs = [(getattr(read, key), content[key]) for key in ("run", "ledger")]
  pairs += zip(read.candidates, content["candidates"], strict=True)
  pairs += [(read.votes[name], content["votes"][name]) for name in read.votes]
  pairs += [(read.tree, content["tree"])]
  for part, written in pairs:
    assert json.dumps(record.to_json(part)) == json.dumps(written)


def test_older_records_lack_what_came_later():
  content = factory.record(factory.tasks(1)[0], "small", "sampling", 2, seed=0)
  del content["tree"], content["ledger"]["flops_reward"]
  for key in ("gold", "question"):
    del content["problem"][key]
  for candidate in content["candidates"]:
    del candidate["path"], candidate["text"]
  read = record.parse(content)
  assert read.tree == record.Tree() and read.ledger.flops_reward is None
  assert read.problem.title == "100" and read.problem.question == ""
  assert read.candidates[0].path == []


def test_keys_of_later_versions_are_left():
  content = tree_records.small()
  later = copy.deepcopy(content)
  later["tree"]["colour"], later["host"] = [], "here"
  assert record.parse(later) == record.parse(content)


@pytest.mark.parametrize(
  ("path", "value", "message"),
  [
    (("run",), 3, "x:1: field 'run' is 3; expected dict"),
    (("run", "n"), "4", "x:1: run: field 'n' is '4'; expected int"),
    (("run", "seed"), True, "run: field 'seed' is True; expected int"),
    (("candidates",), {}, "x:1: field 'candidates' is {}; expected list"),
    (("candidates", 1), 5, "x:1: candidate 1 is 5; expected an object"),
    (("candidates", 1, "answer"), 5, "candidate 1: field 'answer' is 5; exp"),
    (("candidates", 1, "correct"), 1, "field 'correct' is 1; expected bool"),
    (("votes", "majority", "correct"), 1, r"votes\['majority'\]: field 'corre"),
    (("tree", "parents"), 1, "tree: field 'parents' is 1; expected list"),
    (("ledger", "policy_decode"), 1.5, "ledger: field 'policy_decode' is 1.5"),
  ],
)
def test_defects_name_the_field(path, value, message):
  # A copy: votes share one object.
  content = copy.deepcopy(tree_records.small())
  part = content
  for key in path[:-1]:
    part = part[key]
  part[path[-1]] = value
  with pytest.raises(record.RecordError, match=message):
    record.parse(content, "x:1")


@pytest.mark.parametrize("content", [[], {}, 3, None])
def test_what_is_no_record_is_refused(content):
  with pytest.raises(record.RecordError, match="x:1: field 'candidates' is mi"):
    record.parse(content, "x:1")
