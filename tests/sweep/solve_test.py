"""One question solved, and the drawing of its record."""

import dataclasses
import json

import pytest

from inference_scaling import decoding, sweep
from tests.sweep import tiny

QUESTION = "Anna has 3 apples. How many apples does Anna have now? now?"
SETTINGS = dataclasses.replace(
  sweep.EMBEDDED_SETTINGS,
  limits=decoding.Limits(
    prompt_tokens=32, step_tokens=8, total_tokens=32, max_steps=4
  ),
)


def solve(family, **options):
  return sweep.solve(
    QUESTION,
    policy=str(family / "small"),
    reward=str(family / "reward"),
    settings=SETTINGS,
    **options,
  )


@pytest.fixture(scope="module")
def solution(family):
  return solve(family, n=4, seed=2, gold="7")


@pytest.mark.slow
def test_the_record_is_that_of_a_sweep(solution, swept):
  with (swept / "records.jsonl").open() as file:
    recorded = json.loads(file.readline())
  for part in ("votes", "ledger", "tree", "problem", "run"):
    assert solution.record[part].keys() == (
      {name: 0 for name in recorded[part]}.keys()
    )
  assert len(solution.record["candidates"]) == 4
  assert solution.answer == solution.record["votes"]["weighted/last"]["answer"]
  json.dumps(solution.record, allow_nan=False)


def test_the_same_seed_gives_the_same_record(family, solution):
  assert solve(family, n=4, seed=2, gold="7").record == solution.record


def test_the_drawing_shows_steps_rewards_widths_votes_and_cost(solution):
  text = solution.render()
  tree = solution.record["tree"]
  for step, score, width in zip(
    tree["texts"], tree["scores"], tree["widths"], strict=True
  ):
    assert f"─ {score:.3f} x{width:<2} {step.strip()}" in text
  assert text.count("─ ") == len(tree["texts"])
  for name, vote in solution.record["votes"].items():
    line = next(x for x in text.splitlines() if x.strip().startswith(name))
    assert line.split()[1:] == [
      vote["answer"], "right" if vote["correct"] else "wrong"
    ]  # fmt: skip
  for name, flops in solution.record["ledger"]["flops"].items():
    assert f"FLOPs {name}:" in text and f"{flops:.3g}" in text


def test_without_a_gold_answer_nothing_is_graded(family):
  solution = solve(family, n=4, seed=2)
  assert {c["correct"] for c in solution.record["candidates"]} == {None}
  assert "right" not in solution.render() and "wrong" not in solution.render()


def test_a_record_of_a_sweep_can_be_drawn():
  record = {
    "run": {"policy": "p", "strategy": "rebase", "n": 2, "seed": 0},
    "problem": {"id": 0, "level": 1, "gold": "4", "question": "2 + 2?"},
    "candidates": [
      {"answer": "4", "step_scores": [0.5, 0.875], "path": [0, 2]},
      {"answer": None, "step_scores": [0.5, 0.25], "path": [0, 3]},
    ],
    "tree": {
      "parents": [None, None, 0, 0],
      "depths": [0, 0, 1, 1],
      "rounds": [0, 0, 1, 1],
      "widths": [2, 0, 0, 0],
      "scores": [0.5, 0.125, 0.875, 0.25],
      "status": [0, 0, 1, 2],
      "tokens": [3, 3, 4, 5],
      "texts": ["a\n", "b", "c\nd", "e"],
    },
    "votes": {"majority": {"answer": "4", "correct": True}},
    "ledger": {
      "policy_prefill": 5, "policy_decode": 15, "policy_discarded": 3,
      "reward_prefill": 6, "reward_scored": 15, "cache_bytes": 3 * 2**20,
      "flops": {"paper": 1.5e6, "full": 2e6},
    },
  }  # fmt: skip
  assert (
    sweep.render(record)
    == """\
2 + 2?

Search tree (p, rebase n=2, seed 0); reward, width, step:
  ├─ 0.500 x2  a
  │  ├─ 0.875 x0  c⏎d  (finished)
  │  └─ 0.250 x0  e  (cut off)
  └─ 0.125 x0  b

Candidates by answer:
  4              1 of 2, last rewards 0.875
  (none)         1 of 2, last rewards 0.250

Votes:
  majority           4            right

Cost:
  policy: 5 prompt tokens, 15 generated, of these 3 in no candidate
  reward: 6 prompt tokens, 15 scored
  cache:  3.0 MiB of keys and values
  FLOPs paper:       1.5e+06
  FLOPs full:        2e+06"""
  )


@pytest.mark.parametrize(
  ("options", "words"),
  [
    ({"strategy": "tot"}, r"'tot'; expected one of greedy, sampling, adapt"),
    ({"n": 0}, "n is 0"),
    (
      {"hyperparameters": {"temperature": 0.0}},
      "hyperparameters.temperature is 0.0",
    ),
    (
      {"hyperparameters": {"rule": "floor"}},
      "'floor'.*--hyperparameter=rule=VALUE",
    ),
    (
      {"strategy": "sampling", "hyperparameters": {"temperature": 1.0}},
      "no such key; expected none: leave it out",
    ),
    (
      {"hyperparameters": {"children": 2}},
      "hyperparameters.children is 2, but there is no",
    ),
    (
      {"strategy": "particle_gibbs/x", "n": 1},
      "n is 1; expected at least 2 beams for 'particle_gibbs/x'",
    ),
  ],
)
def test_wrong_arguments_are_named(options, words, family):
  with pytest.raises(ValueError, match=words):
    solve(family, **options)


def test_greedy_takes_one_beam(family):
  solution = solve(family, strategy="greedy", n=16)
  assert (
    solution.record["run"]["n"] == 1 and len(solution.record["candidates"]) == 1
  )


def test_tiny_policies_are_the_chains_they_claim_to_be(family):
  del family
  table = tiny.transitions(tiny.policy(0.6, 0.3).tokenizer, 0.6, 0.3)
  assert (table.sum(axis=0) < 1 + 1e-6).all()
