"""A sweep whose solutions are programs: they run, vote and are graded."""

import json

import jax
import jax.numpy as jnp
import pytest

from inference_scaling import search, sweep
from inference_scaling.tasks.programs import bubblewrap, jobs, probe
from tests.sweep import tiny

BLOCK = "Like this:\n```python\n{}\n```\n"
SOLUTIONS = (
  BLOCK.format("def double(x):\n  return 2 * x"),
  BLOCK.format("def double(x):\n  return x + x"),
  BLOCK.format("def double(x):\n  return x * x"),
  BLOCK.format("def double(x):\n  raise SystemExit"),
  "It cannot be done.",
)
RIGHT, SAME, WRONG, FAILS, NONE = range(len(SOLUTIONS))
ROWS = [
  {
    "task_id": 7, "text": "Write a function to double a number or a list.",
    "code": "def double(x):\n  return 2 * x", "test_setup_code": "",
    "test_list": ["assert double(2) == 4", "assert double([1]) == [1, 1]"],
    "challenge_test_list": [],
  },
  {
    "task_id": 9, "text": "Write a function to double a number.",
    "code": "def double(x):\n  return 2 * x", "test_setup_code": "",
    "test_list": ["assert double(2) == 4", "assert double(2.5) == 5"],
    "challenge_test_list": [],
  },
]  # fmt: skip


class Writer_:  # noqa: N801
  """Writes one of the solutions; 0 and 1 twice as often as each other."""

  def start(self, params, prompts):
    return jnp.zeros(1, jnp.int32)

  def extend(self, params, keys, state, active):
    drawn = jax.random.randint(keys[0], (), 0, len(SOLUTIONS))
    done = jnp.full(1, search.FINISHED)
    return state, search.Step(done, jnp.ones(1, jnp.int32), drawn[None])


def make_policy():
  policy = Writer_()
  return sweep.PolicyPort(
    make=lambda num_beams: search.per_row(policy, num_beams),
    weights=jnp.zeros(1),
    params=lambda weights, temperature, top_k, top_p: weights,
    encode=lambda question: jnp.zeros(1, jnp.int32),
    count_tokens=lambda prompt: 1,
    decode=lambda steps: "".join(SOLUTIONS[int(step)] for step in steps),
    parameters=1,
  )


@pytest.fixture(name="config", scope="module")
def _config(tmp_path_factory):
  try:
    probe.choose()
  except jobs.SandboxError as error:
    pytest.skip(str(error))
  folder = tmp_path_factory.mktemp("code")
  (folder / "mbpp.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
  return tiny.config(
    folder,
    task={"kind": "mbpp", "path": str(folder / "mbpp.jsonl")},
    policies={"mine": f"python:{__name__}:make_policy"},
    reward={"format": "none"},
    runs={"sampling": {"strategy": "sampling", "n": (12,)}},
  )


@pytest.fixture(name="swept", scope="module")
def _swept(config, tmp_path_factory):
  folder, said = tmp_path_factory.mktemp("swept"), []
  sweep.run_sweep(config, folder, say=said.append)
  lines = (folder / "records.jsonl").read_text().splitlines()
  return folder, [json.loads(line) for line in lines], said


def test_programs_vote_by_what_they_do(swept):
  _, records, _ = swept
  assert [record["problem"]["id"] for record in records] == [7, 9]
  for record in records:
    answers = {}
    for candidate in record["candidates"]:
      kind = SOLUTIONS.index(candidate["text"])
      answers.setdefault(kind, set()).add(candidate["answer"])
      assert candidate["correct"] == (kind in (RIGHT, SAME))
    assert answers[FAILS] == answers[NONE] == {None}
    assert answers[RIGHT] != answers[WRONG]
  assert records[0]["problem"]["gold"] != records[1]["problem"]["gold"]


def test_programs_of_one_behaviour_have_one_answer(swept):
  _, (first, second), _ = swept
  for record in (first, second):
    by_kind = {
      SOLUTIONS.index(candidate["text"]): candidate["answer"]
      for candidate in record["candidates"]
    }
    assert by_kind[RIGHT] == by_kind[SAME]
    votes = list(by_kind.values())
    counts = [c["answer"] for c in record["candidates"]]
    most = max(filter(None, votes), key=counts.count)
    assert record["votes"]["majority"]["answer"] == most


def test_the_box_is_named_and_the_sweep_goes_on(config, swept):
  folder, records, said = swept
  assert any("sandbox, " in line for line in said)
  before = (folder / "records.jsonl").read_bytes()
  again = []
  sweep.run_sweep(config, folder, say=again.append)
  assert (folder / "records.jsonl").read_bytes() == before
  assert any("Nothing is left" in line for line in again)
  assert len(records) == 2


def test_other_tests_make_another_problem(config, swept, tmp_path):
  folder, *_ = swept
  path = tmp_path / "mbpp.jsonl"
  rows = [ROWS[0], ROWS[1] | {"test_list": ["assert double(3) == 6"]}]
  path.write_text("\n".join(map(json.dumps, rows)))
  changed = {**config, "task": {"kind": "mbpp", "path": str(path)}}
  with pytest.raises(ValueError, match=r"problem 9: gold 'tests:\w+' -> 'tes"):
    sweep.run_sweep(changed, folder, say=lambda line: None)


def test_without_a_box_nothing_is_loaded(config, tmp_path, monkeypatch):
  monkeypatch.setattr(bubblewrap, "program", lambda: None)
  monkeypatch.setattr(probe.landlock, "version", lambda: 0)
  with pytest.raises(jobs.SandboxError, match="none holds"):
    sweep.run_sweep(config, tmp_path, say=lambda line: None)
  assert not (tmp_path / "records.jsonl").read_bytes()
