"""Settings that are seldom meant are told; published configs are silent."""

import importlib
import pathlib
import re
import types

import pytest

from inference_scaling import decoding, spec, tasks
from inference_scaling.spec import grid
from inference_scaling.sweep import prepared, problems
from inference_scaling.sweep.progress import banner, notes
from tests.sweep import tiny

ROOT = pathlib.Path(__file__).parents[3]
PAPER = ("llama3_8b", "llemma_34b", "llemma_7b", "mistral_7b")
PUBLISHED = [
  *(
    (name, arg)
    for name in (
      "adaptive", "demo", "dtypes", "scaling_laws", "speculative_steps",
      "thinking",
    )
    for arg in ("", "runlocal")
  ),
  *(
    ("strategies", arg)
    for arg in (
      "", "runlocal", "likelihood", "self_certainty", "likelihood,runlocal",
      "drawn", "drawn,runlocal",
    )
  ),
  ("adaptive", "deepconf"), ("adaptive", "deepconf,runlocal"),
  *(("confidence", arg) for arg in ("", "online", "online,runlocal")),
  ("smollm2_gsm8k", ""), ("smollm2_gsm8k", "runlocal"),
  *(
    ("qwen25_gsm8k", arg)
    for arg in ("0.5b", "1.5b", "smollm2", "draws", "0.5b,runlocal")
  ),
  *(
    ("qwen25_mbpp", arg)
    for arg in ("hub", "examples", "examples,runlocal")
  ),
  *(
    (name, arg)
    for name in PAPER
    for arg in ("math500", "gsm8k", "math500,runlocal")
  ),
  ("pythia", "gsm8k"), ("pythia", "gsm8k,runlocal"),
  *(
    (name, arg)
    for name in ("benchmarks", "r1_distill")
    for arg in ("math500", "math500,runlocal")
  ),
]  # fmt: skip


def questions(count):
  return [tasks.Problem(i, f"q{i}", "1", 1, "test") for i in range(count)]


@pytest.mark.parametrize(("name", "arg"), PUBLISHED)
def test_published_configs_are_silent(name, arg):
  module = importlib.import_module(f"configs.{name}")
  sweep = spec.read_sweep(module.get_config(arg))
  task = sweep.task
  published = (
    problems.load(task) if task.kind == "synthetic" else questions(500)
  )
  assert notes.find(sweep, published) == []


def test_every_published_sweep_is_among_them():
  sweeps = {
    path.stem
    for path in (ROOT / "configs").glob("*.py")
    if not re.match("common|train_|finetune_", path.stem)
  }
  assert sweeps == {name for name, _ in PUBLISHED}


def resolved(folder, **changes):
  """The tiny sweep, with values set by dotted keys."""
  config = spec.to_json(spec.read_sweep(tiny.config(folder)))
  for key, value in changes.items():
    *groups, last = key.split("__")
    target = config
    for group in groups:
      target = target[group]
    target[last] = value
  return spec.read_sweep(config)


def test_the_tiny_sweep_is_silent(tmp_path):
  assert notes.find(resolved(tmp_path), questions(6)) == []


SAME = "so that all candidates of a problem are the same: config.runs.sampling "
CASES = [
  (
    {"task__limit": 9},
    ["config.task.limit is 9, above the number of problems, 6: all of them "],
  ),
  ({"task__limit": 6}, []),
  ({"task__limit": 7}, ["limit is 7, above the number of problems, 6"]),
  (
    {"sampler__temperature": 0},
    [
      f"config.sampler.temperature is 0, {SAME}(n = 4), config.runs.rebase (n",
      "config.sampler.temperature is 0, so that all seeds of a run give the s",
    ],
  ),
  (
    {"sampler__temperature": 0.0, "runs__sampling__n": [1], "runs__rebase__n":
     [1], "runs__rebase__seeds": [0]},
    [],
  ),
  (
    {"sampler__top_k": 1, "runs__rebase__seeds": [0],
     "runs__sampling__n": [2, 4]},
    [f"config.sampler.top_k is 1, {SAME}(n = 2, 4), config.runs.rebase (n = "],
  ),
  ({"sampler__top_k": 2}, []),
  (
    {"limits__total_tokens": 33},
    ["total_tokens is 33, but a solution has at most 32: config.limits allow it"
     " 4 steps of 8"],
  ),
  ({"limits__max_steps": 40}, []),
  (
    {"limits__max_steps": 1, "limits__step_tokens": 32},
    ["config.limits.max_steps is 1, so that a solution is one step and there "
     "is no tree to search: config.runs.rebase."],
  ),
  (
    {"format__step_end": []},
    ["config.format.step_end is empty, so that a solution is one step",
     "a solution has at most 8: config.limits allow it 1 step of 8"],
  ),
  (
    {"batch_size": 3},
    ["batch_size is 3, but config.runs.sampling has n = 4: that many rows",
     "batch_size is 3, but config.runs.rebase has n = 4"],
  ),
  ({"batch_size": 4}, []),
  (
    {"batch_size": 4, "runs__sampling": {"strategy": "ab_mcts", "n": [6]},
     "runs__rebase": {"strategy": "particle_gibbs", "n": [2, 5]}},
    ["batch_size is 4, but config.runs.rebase has n = 5: that many rows"],
  ),
  ({"batch_size": 3, "rows_per_problem": 2}, []),
  (
    {"batch_size": 3, "rows_per_problem": 4},
    ["rows_per_problem is 4, more than config.batch_size, 3: 4 rows are i"],
  ),
  (
    {"runs__sampling__policies": ["small"]},
    ["config.policies.large is loaded, but no run is of it."],
  ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), CASES)
def test_what_is_seldom_meant_is_told(changes, words, tmp_path):
  said = notes.find(resolved(tmp_path, **changes), questions(6))
  assert len(said) == len(words)
  for note, word in zip(said, words, strict=True):
    assert word in note


def test_one_checkpoint_under_two_names_is_told(tmp_path):
  (tmp_path / "small").mkdir()
  (tmp_path / "large").symlink_to(tmp_path / "small")
  (note,) = notes.find(resolved(tmp_path), questions(6))
  assert note.startswith("config.policies.small and config.policies.large are")
  policies = {"small": "random/llemma_7b", "large": "random/llemma_7b"}
  (note,) = notes.find(resolved(tmp_path, policies=policies), questions(6))
  assert "are both random/llemma_7b: their runs are the same" in note
  # In two dtypes they are compared.
  other = {"small": "int8"}
  both = resolved(tmp_path, policies=policies, policy_dtypes=other)
  assert not notes.find(both, questions(6))


def test_a_question_that_stands_twice_is_told(tmp_path):
  twice = [*questions(6), tasks.Problem(9, " q2 ", "3", 1, "test", name="b/9")]
  (note,) = notes.find(resolved(tmp_path), twice)
  assert note.endswith("asks the same question twice: problems 2 and b/9.")
  many = [
    *questions(6),
    *(tasks.Problem(9 + i, "q0", "1", 1, "") for i in range(5)),
  ]
  (note,) = notes.find(resolved(tmp_path), many)
  assert note.endswith("0 and 9, 0 and 10, 0 and 11, and 2 more pairs.")


def described(folder, config, problems_asked, reward=None):
  runs = grid.expand(config.runs)
  small = types.SimpleNamespace(parameters=1000)
  policies = dict.fromkeys(config.policies, small)
  sweep = prepared.Prepared(config, problems_asked, policies, reward, runs)
  return banner.describe(sweep, folder)


@pytest.mark.parametrize("reward_format", ["none", *decoding.TOKEN_SCORES])
def test_the_banner_says_what_scores_candidates(reward_format, tmp_path):
  config = tiny.config(tmp_path, reward={"format": reward_format})
  del config["runs"]["rebase"]
  tiny.write_problems(tmp_path / "problems.jsonl", range(6))
  text = described(tmp_path, spec.read_sweep(config), questions(6))
  (line,) = [x for x in text.splitlines() if x.startswith("  reward ")]
  assert (
    line == f"  reward    {reward_format}: {spec.REWARDS[reward_format].words}"
  )
  assert ("equal weights" in line) == (reward_format == "none")
  assert ("policy" in line) == (reward_format != "none")


def test_every_form_without_a_model_is_in_words():
  for reward_format in spec.REWARDS.values():
    assert bool(reward_format.words) == (not reward_format.has_model)


def test_the_banner_has_the_notes_and_the_fields_that_were_taken(tmp_path):
  path = tmp_path / "problems.jsonl"
  path.write_text('{"problem": "q", "answer": "#### 1"}\n')
  config = resolved(tmp_path, task__limit=3, reward={"format": "likelihood"})
  text = described(tmp_path, config, questions(1))
  assert (
    f"the first 3 of {path}; question from `problem`, gold from `answer`"
    in (text)
  )
  assert (
    "\nNote: config.task.limit is 3, above the number of problems, 1" in text
  )
  path.write_text('{"question": "q", "gold": "1"}\n')
  text = described(tmp_path, resolved(tmp_path, reward={"format": "none"},
                   runs={"g": spec.to_json(config)["runs"]["greedy"]},
                   policies={"small": "x"}), questions(1))  # fmt: skip
  assert f"  problems  {path}\n" in text and "Note" not in text
