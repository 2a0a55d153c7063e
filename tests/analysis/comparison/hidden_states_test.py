"""A value head charged twice and once, in closed form."""

import numpy as np
import pandas as pd
import pytest

from inference_scaling.analysis.comparison import hidden_states
from inference_scaling.analysis.estimates import outcomes
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.records import load
from tests.analysis import factory

CONVENTIONS = ("paper", "with_reward", "full")
# Policy prompts and rest, reward prompts and rest, and the head.
PARTS = {"paper": (0, 8, 0, 0, 0), "with_reward": (0, 8, 0, 16, 4)}


def make(strategy, n, problem, full, head=True):
  """A record whose FLOPs in `full` are these parts."""
  record = factory.record(factory.tasks(3)[problem], "small", strategy, n, 0)
  parts = PARTS | {"full": full}
  ledger = {
    "flops": {k: sum(p[:4]) for k, p in parts.items()},
    "flops_prefill": {k: p[0] + p[2] for k, p in parts.items()},
    "flops_reward": {k: p[2] + p[3] for k, p in parts.items()},
    "flops_reward_prefill": {k: p[2] for k, p in parts.items()},
    "flops_head": {k: p[4] for k, p in parts.items()},
  }
  if not head:
    del ledger["flops_head"]
  record["ledger"] |= {
    name: {key: float(value) for key, value in by.items()}
    for name, by in ledger.items()
  }
  return load.parse_record(record, f"x:{problem}")


def tables(records):
  return hidden_states.hidden_states_tables(
    records, ["small"], "last", num_subsets=5, seed=0
  )


def test_flops_by_hand():
  records = [
    *(make("greedy", 1, i, (10, 20, 30, 40, 4)) for i in range(3)),
    *(make("sampling", 4, i, (10, 80, 30, 160, 16 + i)) for i in range(3)),
    *(make("rebase", 4, i, (10, 84, 30, 168, 20)) for i in range(3)),
  ]
  frame = tables(records)["hidden_states"].set_index(["strategy", "n"])
  got = frame[["flops_full_twice", "flops_full_once"]]
  assert got.apply(tuple, axis=1).to_dict() == {
    ("greedy", 1): (30, 30),  # reads no reward
    ("sampling", 1): (10 + 20 + 30 + 40, 10 + 20 + 17 / 4),
    ("sampling", 2): (10 + 40 + 30 + 80, 10 + 40 + 17 / 2),
    ("sampling", 4): (10 + 80 + 30 + 160, 10 + 80 + 17),
    ("rebase", 4): (10 + 84 + 30 + 168, 10 + 84 + 20),
  }
  got = frame[["flops_with_reward_twice", "flops_with_reward_once"]]
  assert got.loc[("rebase", 4)].tolist() == [24, 12]
  assert set(frame["voting"]) == {"majority", "weighted"}
  right = np.mean([record.votes["weighted/last"] for record in records[-3:]])
  assert frame.loc[("rebase", 4), "accuracy"] == right
  assert (frame["problems"] == 3).all()


def test_records_of_other_reward_models_have_no_table():
  plain = [make("rebase", 4, i, (1, 2, 3, 4, 0), head=False) for i in range(3)]
  assert tables(plain) == {}
  headed = make("sampling", 4, 0, (10, 80, 30, 160, 16))
  frame = tables([*plain, headed])["hidden_states"]
  assert set(frame["strategy"]) == {"sampling"}


def panel_of(points):
  """A panel of (strategy, n, voting, FLOPs, accuracy of both problems)."""
  index = pd.Index(
    [
      panel_lib.Configuration(
        "p", strategy, n, voting, "none" if voting == "majority" else "last"
      )
      for strategy, n, voting, *_ in points
    ],
    tupleize_cols=False,
  )
  flops = [float(point[3]) for point in points]
  costs = pd.DataFrame(dict.fromkeys(outcomes.COSTS, flops), index=index)
  costs["problems"] = 2
  accuracy = np.array([point[4] for point in points], float).T
  return panel_lib.Panel(pd.DataFrame(accuracy, columns=index), costs, ())


def charged(factor):
  """What reads rewards costs `factor` times as much as what does not."""
  return panel_of(
    [
      ("sampling", 1, "majority", 1, (0, 0.5)),
      ("sampling", 16, "majority", 16, (0.5, 1.0)),
      ("sampling", 1, "weighted", 1 * factor, (0, 0.5)),
      ("sampling", 16, "weighted", 16 * factor, (1, 1.0)),
      ("rebase", 4, "weighted", 4 * factor, (1, 1.0)),
    ]
  )


def test_leads_by_hand():
  panels = {"twice": charged(2), "once": charged(1)}
  frame = hidden_states.leads(panels, ["p"], "last")
  assert set(frame["convention"]) == {"with_reward", "full"}
  rows = frame[frame["convention"] == "full"].set_index(
    ["strategy", "baseline", "charges"]
  )
  assert sorted(rows.index) == sorted(
    (*pair, charges)
    for pair in (
      ("rebase", "majority"), ("rebase", "weighted"), ("sampling", "majority")
    )
    for charges in ("twice", "once")
  )  # fmt: skip
  # Of samples that vote by rewards, 4 are half-way in log FLOPs in both ways.
  for charges, budget in (("twice", 8), ("once", 4)):
    row = rows.loc[("rebase", "weighted", charges)]
    assert (row["from"], row["to"]) == (budget, budget)
    assert row["difference"] == pytest.approx(((1 - 0.5) + (1 - 0.75)) / 2)
  # Samples that vote by majority are three quarters up where REBASE costs 8,
  # and half up where it costs 4.
  for charges, share in (("twice", 0.75), ("once", 0.5)):
    row = rows.loc[("rebase", "majority", charges)]
    base = (0.5 * share, 0.5 + 0.5 * share)
    assert row["difference"] == pytest.approx(1 - np.mean(base))
    gaps = sorted(1 - value for value in base)
    # Of two problems the interval reaches from the one to the other.
    assert row["difference_low"] == pytest.approx(gaps[0])
    assert row["difference_high"] == pytest.approx(gaps[1])
  row = rows.loc[("sampling", "majority", "once")]
  assert (row["from"], row["to"]) == (1, 16)
  assert row["difference"] == pytest.approx(np.mean([0.25, 0.0]))
  assert rows.loc[("sampling", "majority", "twice"), "from"] == 2


def test_a_search_beyond_all_samples_is_not_compared():
  panels = {"twice": charged(8), "once": charged(4)}
  frame = hidden_states.leads(panels, ["p"], "last")
  majority = frame[frame["baseline"] == "majority"]
  rebase = majority[majority["strategy"] == "rebase"]
  assert set(rebase["charges"]) == {"once"}  # 16 FLOPs; 32 buy no more samples
