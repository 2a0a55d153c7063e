"""Adaptive sampling in a sweep: it draws and pays what its replay says.

The samples of a rule are the first ones of `sampling` with the same seed.
"""

import json

import numpy as np
import pytest

from inference_scaling import stopping, sweep
from inference_scaling.analysis.records import load
from inference_scaling.analysis.stopping import costs
from tests.sweep import tiny

N = 8
# Four rows at once in each of them, so that they share their programs.
RULES = {
  "adaptive_sampling": {"rule": "beta", "batch": 4, "threshold": 0.7},
  "adaptive_sampling/doubling": {"rule": "doubling", "threshold": 0.6},
  "reward_threshold": {"threshold": 0.4, "batch": 4},
}


@pytest.fixture(name="records", scope="module")
def _records(family, tmp_path_factory):
  """Lines of records.jsonl by strategy and problem."""
  runs = {
    name.replace("/", "_"): {
      "strategy": name, "policies": ("large",), "n": (N,), "seeds": (0,),
      **numbers,
    }
    for name, numbers in {"sampling": {}, **RULES}.items()
  }  # fmt: skip
  config = tiny.config(family, runs=runs, batch_size=16)
  folder = sweep.run_sweep(
    config, tmp_path_factory.mktemp("adaptive"), say=lambda line: None
  )
  rows = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
  return {(row["run"]["strategy"], row["problem"]["id"]): row for row in rows}


def parsed(records, strategy):
  return [
    load.parse_record(row, "here")
    for (name, _), row in sorted(records.items())
    if name == strategy
  ]


def drawn_of(strategy, record):
  """How many of a record's samples a rule draws, in their order."""
  numbers = dict(RULES[strategy])
  if strategy == "reward_threshold":
    threshold, batch = numbers.values()
    passes = stopping.passes(record.answers, record.scores["last"], threshold)
    return next(
      (m for m in range(batch, N, batch) if passes[:m].any()), N
    )  # fmt: skip
  rule = stopping.make_rule(
    numbers["rule"], numbers.get("batch"), numbers["threshold"]
  )
  return next(
    m
    for m in stopping.looks(rule, N)
    if m == N or stopping.agree(rule, record.answers[:m])
  )


@pytest.mark.parametrize("strategy", RULES)
def test_a_search_draws_and_pays_what_its_replay_does(records, strategy):
  wholes = parsed(records, "sampling")
  shares = costs.sample_costs(wholes, reward=True)
  numbers = set()
  for whole, share in zip(wholes, shares, strict=True):
    row = records[strategy, whole.problem]
    drawn = drawn_of(strategy, whole)
    numbers.add(drawn)
    expected = records["sampling", whole.problem]["candidates"][:drawn]
    assert len(row["candidates"]) == drawn
    for got, other in zip(row["candidates"], expected, strict=True):
      for key in ("text", "answer", "correct", "status", "tokens"):
        assert got[key] == other[key]
      np.testing.assert_allclose(
        got["step_scores"], other["step_scores"], rtol=1e-4
      )
    ledger = row["ledger"]
    assert ledger["policy_decode"] == sum(c["tokens"] for c in expected)
    assert ledger["policy_discarded"] == 0
    for convention, (prompts, samples) in share.items():
      flops = prompts + samples[:drawn].sum()
      assert ledger["flops"][convention] == pytest.approx(flops, rel=1e-9)
  assert len(numbers) > 1
