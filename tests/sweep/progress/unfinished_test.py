"""Texts that do not end are noticed at once."""

import dataclasses
import json
import types

import pytest

from inference_scaling import spec, sweep
from inference_scaling.spec import grid
from inference_scaling.sweep.progress import unfinished
from tests.sweep import tiny

RUN = grid.Run("p", "sampling", 2, 0)
OTHER = grid.Run("p", "rebase", 2, 0)


def fake(ends=(2,), end=2):
  tokenizer = types.SimpleNamespace(
    eos_token_id=end,
    eos_token=None if end is None else f"<{end}>",
    convert_ids_to_tokens=lambda ids: [f"<{i}>" for i in ids],
  )
  config = types.SimpleNamespace(eos_token_ids=ends)
  return types.SimpleNamespace(tokenizer=tokenizer, config=config)


def record(*status):
  return {
    "candidates": [
      {"status": name, "tokens": 9 + i, "path": list(range(3))}
      for i, name in enumerate(status)
    ],
    "tree": {"tokens": [4, 7]},
  }


def watch(num_problems=9, ends=(2,)):
  said = []
  loaded = types.SimpleNamespace(
    settings=sweep.EMBEDDED_SETTINGS, writer={"p": fake(ends)}.__getitem__
  )
  return unfinished.Watch(loaded, num_problems, said.append), said


@pytest.mark.parametrize("status", [("truncated",), ("unfinished",) * 2, ()])
def test_three_problems_without_an_end_are_named(status):
  looks, said = watch()
  for _ in range(2):
    looks.see(RUN, record(*status))
  assert not said
  for _ in range(5):
    looks.see(RUN, record(*status))
  (line,) = said
  for words in (
    f"Warning: p sampling n=2 seed=0: none of the {3 * len(status)} candidates",
    "first 3 problems finished", "limits.total_tokens is 128",
    "limits.max_steps is 8", "limits.step_tokens is 32",
    "longest step 7 tokens", "('The answer is',)", "(' ки',)", "'<2>' (2)",
  ):  # fmt: skip
    assert words in line
  if status:
    assert f"longest has {8 + len(status)} tokens" in line
    assert "and 3 steps" in line


@pytest.mark.parametrize("strategy", [*spec.STRATEGIES, "ab_mcts/batch"])
def test_where_n_bounds_the_steps_it_is_to_be_raised(strategy):
  looks, said = watch(num_problems=1)
  looks.see(dataclasses.replace(RUN, strategy=strategy), record("unfinished"))
  bounds = strategy in ("mcts", "ab_mcts", "ab_mcts/batch")
  assert ("Raise n, which is the number of" in said[0]) == bounds
  assert ("Raise the limit that is met." in said[0]) != bounds


@pytest.mark.parametrize("at", range(3))
def test_one_candidate_that_finished_is_enough(at):
  looks, said = watch()
  for i in range(6):
    last = "finished" if i == at else "truncated"
    looks.see(RUN, record("truncated", last))
  assert not said


def test_a_short_sweep_is_looked_at_as_a_whole():
  for count in (1, 2):
    looks, said = watch(num_problems=count)
    for _ in range(count):
      assert not said
      looks.see(RUN, record("truncated"))
    assert f"first {count} problems" in said[0]


def test_each_strategy_of_a_policy_is_looked_at_once():
  looks, said = watch(ends=())
  for seed in range(3):
    for run in (RUN, OTHER):
      for _ in range(4):
        looks.see(dataclasses.replace(run, seed=seed), record("truncated"))
  assert ["sampling" in line for line in said] == [True, False]
  assert "(it has none)" in said[0]


@pytest.mark.parametrize(
  ("ends", "end", "words"),
  [
    ((2,), 2, None),
    ((5, 2), 2, None),
    ((5,), None, None),
    ((), 2, ["'<2>' (2)", "name no end of text", "eos_token_id"]),
    ((5,), 2, ["'<2>' (2)", "name '<5>' (5)", "add the id to eos_token_id"]),
    ((5, 7), 0, ["'<0>' (0)", "'<5>' (5), '<7>' (7)"]),
    ((), None, ["names no token that ends a text", "eos_token_id"]),
  ],
)
def test_an_end_that_the_config_does_not_know_is_named(ends, end, words):
  line = unfinished.missing_end("some/where", fake(ends, end))
  if words is None:
    assert line is None
    return
  assert line.startswith("Warning: ") and "some/where" in line
  for word in words:
    assert word in line


@pytest.mark.slow
def test_a_sweep_says_both(family, tmp_path, monkeypatch):
  """Once each, before its end, where the policy's end is another token."""
  said = []
  config = tiny.config(family)
  config["runs"] = {"greedy": config["runs"]["greedy"]}
  config["limits"] = config["limits"] | {"max_steps": 1, "step_tokens": 2}
  read = unfinished.models.load_model

  def load(source, **options):
    model = read(source, **options)
    config = dataclasses.replace(model.config, eos_token_ids=(3,))
    return dataclasses.replace(model, config=config)

  monkeypatch.setattr(unfinished.models, "load_model", load)
  sweep.run_sweep(config, tmp_path, say=said.append)
  warnings = [line for line in said if line.startswith("Warning")]
  assert len(warnings) == 3  # two policies are loaded, one runs
  for line, name in zip(warnings, ("small", "large"), strict=False):
    assert f"{family / name} ends a text by '</s>' (2)" in line
  assert "small greedy n=1 seed=0: none of the 3 candidates" in warnings[2]
  assert said.index(warnings[2]) < len(said) - 1


def test_runs_whose_texts_end_are_left_alone(swept):
  """Records of a sweep in which greedy alone never comes to an answer."""
  looks, said = watch()
  text = (swept / "records.jsonl").read_text()
  for line in map(json.loads, text.splitlines()):
    run = grid.Run(**line["run"] | {"policy": "p"})
    looks.see(run, line)
  (line,) = said
  assert line.startswith("Warning: p greedy n=1 seed=0: none of the 3 cand")
