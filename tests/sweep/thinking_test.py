"""Sweeps of policies that think: texts, budgets, records, ledger, answers."""

import json

import pytest

from inference_scaling import analysis, spec, sweep
from inference_scaling.analysis.figures import style
from inference_scaling.spec import record as record_lib
from tests.sweep import tiny

# The chain writes "Step 3 ки\nStep 4 ки\n The answer is: 7 ки", and no "~".
ENDLESS = {"open": "", "close": "~", "end": " ки~\n", "wait": "Step"}
# Its thinking is its first step, and the line break behind it.
FIRST_LINE = {"open": "", "close": "\n", "end": " ки\n", "wait": "Step"}
LIMITS = {
  "prompt_tokens": 32, "step_tokens": 16, "total_tokens": 16, "max_steps": 8
}  # fmt: skip


def _sampling(name, policy, **more):
  return {
    "strategy": f"sampling/{name}",
    "policies": (policy,),
    "n": (4,),
    **more,
  }


def _config(family, thinking, runs, **changes):
  policies = {name: str(family / "large") for name in (*thinking, "plain")}
  return tiny.config(
    family, policies=policies, thinking=thinking, runs=runs, limits=LIMITS,
    reward={"format": "none"}, batch_size=24, **changes,
  )  # fmt: skip


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory):
  """Folder of a sweep, whose strategies have a word each."""
  config = _config(
    family,
    {"endless": ENDLESS, "first": FIRST_LINE},
    {
      "plain": _sampling("plain", "plain"),
      "endless": _sampling("endless", "endless"),
      "at_once": _sampling("at_once", "endless", thinking_tokens=0),
      "first": _sampling("first", "first"),
      "wait": _sampling("wait", "first", waits=1),
    },
  )
  folder = tmp_path_factory.mktemp("thinking")
  return sweep.run_sweep(config, folder, say=lambda line: None)


@pytest.fixture(scope="module")
def records(folder):
  """Its records by that word."""
  rows: dict[str, list] = {}
  with (folder / "records.jsonl").open(encoding="utf-8") as file:
    for line in file:
      row = json.loads(line)
      rows.setdefault(row["run"]["strategy"].partition("/")[2], []).append(row)
  return rows


def test_the_report_tells_thinking_from_answers(folder, records, monkeypatch):
  monkeypatch.setattr(style, "save", lambda figure, folder, name: None)
  report = analysis.write_report(folder).read_text("utf-8")
  section = report.split("## Thinking")[1].split("## ")[0]
  rows = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in section.splitlines()
    if line.startswith("| endless") or line.startswith("|  |")
  ]
  at_once, endless = (
    next(row for row in rows if word in row[1]) for word in ("once", "endless")
  )
  tokens = [c["tokens"] for c in _candidates(records["at_once"])]
  assert at_once[3:5] == ["2.0", f"{sum(tokens) / len(tokens) - 2:.1f}"]
  assert endless[3:] == ["16.0", "0.0", "100.0"]
  assert "plain" not in section


def _candidates(rows):
  return [candidate for row in rows for candidate in row["candidates"]]


def test_records_of_a_policy_that_does_not_think_say_nothing_of_it(records):
  for row in records["plain"]:
    assert "policy_thinking" not in row["ledger"]
    assert all("thinking_tokens" not in c for c in row["candidates"])
    parsed = record_lib.parse(row)
    assert parsed.ledger.policy_thinking is None
    assert parsed.candidates[0].thinking_tokens is None


def test_thinking_that_never_ends_abstains(records):
  texts = [c["text"] for c in _candidates(records["endless"])]
  assert any("The answer is: 7 ки" in text for text in texts)
  for row in records["endless"]:
    assert row["votes"]["majority"] == {"answer": None, "correct": False}
    assert row["ledger"]["policy_thinking"] == row["ledger"]["policy_decode"]
    for candidate in row["candidates"]:
      assert candidate["status"] == "truncated"
      assert candidate["thinking_tokens"] == candidate["tokens"] == 16


def test_a_budget_of_0_answers_at_once(records):
  for row in records["at_once"]:
    assert row["ledger"]["policy_thinking"] == 4 * len(("ки", "~"))
    for candidate in row["candidates"]:
      assert candidate["text"].startswith(" ки~\n")
      assert candidate["thinking_tokens"] == 2
  finished = [
    c for c in _candidates(records["at_once"]) if c["status"] == "finished"
  ]
  assert len(finished) > 12
  for candidate in finished:
    digit = candidate["text"].rpartition(": ")[2].removesuffix(" ки")
    assert candidate["answer"] == digit


def test_an_answer_in_the_thinking_ends_nothing(records):
  inside = [
    c for c in _candidates(records["first"])
    if c["text"].startswith(" The answer is")
  ]  # fmt: skip
  assert inside
  for candidate in inside:
    # Its line break, and what was written behind it.
    assert candidate["thinking_tokens"] == 7 < candidate["tokens"]


def test_waiting_changes_what_is_written_and_is_charged(records):
  for row in records["wait"]:
    cost = row["ledger"]
    assert cost["policy_decode"] == sum(
      candidate["tokens"] for candidate in row["candidates"]
    )
    assert cost["policy_thinking"] == sum(
      candidate["thinking_tokens"] for candidate in row["candidates"]
    )
    per_token = cost["flops"]["paper"] / cost["policy_decode"]
    first = records["first"][0]["ledger"]
    assert per_token == first["flops"]["paper"] / first["policy_decode"]
  for candidate in _candidates(records["wait"]):
    line = candidate["text"].partition("\n")[0]
    assert "киStep" in line  # in the place of a line break
  assert not any("киStep" in c["text"] for c in _candidates(records["first"]))


@pytest.mark.parametrize(
  ("changes", "wrong"),
  [
    ({"thinking": {"other": {}}}, "config.policies has no 'other'"),
    ({"thinking": {"plain": {"end": "so"}}}, "config.thinking.plain.end"),
    (
      {"thinking": {"plain": {"wait": "no </think>"}}},
      "config.thinking.plain.wait",
    ),
    (
      {
        "thinking": {"mine": {}},
        "policies": {"plain": "embedded/policy_small", "mine": "python:a:b"},
      },
      "a function of your own",
    ),
    (
      {"runs": {"x": _sampling("x", "plain", waits=2)}},
      "config.runs.x.waits is 2, but config.thinking has no 'plain'",
    ),
    (
      {
        "thinking": {"plain": {}},
        "runs": {
          "a": _sampling("x", "plain", thinking_tokens=2),
          "b": _sampling("x", "plain", thinking_tokens=3, seeds=(1,)),
        },
      },
      "thinking_tokens is 3, but config.runs.a.thinking_tokens 2",
    ),
  ],
)
def test_a_wrong_thinking_is_named(tmp_path, changes, wrong):
  config = _config(tmp_path, {}, {"x": _sampling("x", "plain")}) | changes
  with pytest.raises(ValueError, match=wrong):
    spec.read_sweep(config)


def test_waiting_needs_an_end_of_one_token(family, tmp_path):
  texts = {**ENDLESS, "close": "The answer", "end": "The answer"}
  config = _config(
    family, {"plain": texts}, {"x": _sampling("x", "plain", waits=2)}
  )
  with pytest.raises(ValueError, match="'The answer', is several tokens"):
    sweep.run_sweep(config, tmp_path, say=lambda line: None)
