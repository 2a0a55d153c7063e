"""Configs are checked whole, and what they leave out has a default."""

import importlib
import json
import re

import ml_collections
import numpy as np
import pytest

from inference_scaling import names, spec
from inference_scaling.spec import grid

DEMO = importlib.import_module("configs.demo").get_config()
LAWS = importlib.import_module("configs.scaling_laws").get_config()


def resolved():
  return spec.to_json(spec.read_sweep(DEMO))


def test_demo_is_the_small_sweep_it_says():
  sweep = spec.read_sweep(DEMO)
  runs = grid.expand(sweep.runs)
  assert len(runs) == 3 * (1 + 1 + 2)
  assert sweep.task.count == 102
  assert {run.seed for run in runs} == {0}


def test_scaling_laws_has_three_seeds_and_n_up_to_64():
  config = spec.read_sweep(LAWS)
  runs = grid.expand(config.runs)
  assert config.task.count == 300
  for strategy, sizes in {"sampling": {16, 64}, "rebase": {4, 16, 64}}.items():
    group = [run for run in runs if run.strategy == strategy]
    assert {run.n for run in group} == sizes
    assert {run.seed for run in group} == {0, 1, 2}
    assert {run.policy for run in group} == {"small", "middle", "large"}


@pytest.mark.parametrize(
  "name",
  [
    "confidence", "demo", "dtypes", "scaling_laws", "strategies", "thinking"
  ],
)  # fmt: skip
def test_configs_have_a_tiny_variant_and_refuse_others(name):
  module = importlib.import_module(f"configs.{name}")
  config = spec.read_sweep(module.get_config("runlocal"))
  assert config.task.count == 6
  assert max(run.n for run in grid.expand(config.runs)) == 4
  with pytest.raises(ValueError, match=r"'small'.*'runlocal'"):
    module.get_config("small")


@pytest.mark.parametrize(
  ("path", "value", "words"),
  [
    ("limits.step_tokens", 0, "config.limits.step_tokens is 0.*at least 1"),
    ("dtype", "int4", "config.dtype is 'int4'.*'bfloat16'.*'int8', 'fp8'"),
    (
      "policy_dtypes",
      {"small": "int4"},
      "config.policy_dtypes.small is 'int4'.*'int8', 'fp8'",
    ),
    ("policy_dtypes", "int8", "config.policy_dtypes is 'int8'.*group of names"),
    (
      "policy_dtypes",
      {"smal": "int8"},
      "policy_dtypes.smal is 'int8', but config.policies has no 'smal'.*small",
    ),
    ("limits.step_tokens", True, "step_tokens is True.*whole number"),
    ("limits.max_steps", 2.5, "max_steps is 2.5"),
    (
      "limits.step_tokens",
      129,
      "config.limits.step_tokens is 129, more than config.limits.total_tokens, "
      "128; expected at most that",
    ),
    (
      "format.answer_markers",
      [" ки"],
      "answer_markers has ' ки', which ends a",
    ),
    (
      "task.fields",
      {"gold": "x"},
      "config.task.fields.*no such key.*synthetic",
    ),
    ("sampler.temperature", -0.5, "temperature is -0.5.*at least 0"),
    ("sampler.temperature", float("nan"), "temperature is nan"),
    ("sampler.top_p", 0.0, "top_p is 0.0.*above 0 and at most 1"),
    ("sampler.top_p", 1.5, "top_p is 1.5"),
    ("sampler.topk", 3, "config.sampler.topk.*no such key.*'top_k'"),
    ("colour", "red", "config.colour.*no such key"),
    ("cache", "paged", "config.cache is 'paged'.*'dense', 'tree'"),
    ("tree_tokens", -1, "tree_tokens is -1.*at least 0"),
    ("tree_tokens", 99, "tree_tokens is 99; expected 0 .*'dense'.*cache=tree"),
    ("task.kind", "maths", "'maths'.*'aime25', 'amc23', 'gpqa_diamond', 'gs"),
    ("task.split", "dev", "'dev'.*'test', 'train', 'validation'"),
    ("task.levels", [1, 7], r"\[1, 7\].*level from 1 to 6"),
    ("task.levels", [1, 1], r"\[1, 1\].*different"),
    ("task.path", "x.jsonl", "config.task.path.*no such key"),
    ("task.count", 0, "count is 0"),
    ("policies", {}, "config.policies is {}; expected a group of names, each"),
    (
      "policies",
      "x",
      "policies is 'x'; expected.*'small': .*in the config fil",
    ),
    ("policies", {"": "x"}, "policies has the name ''; expected letters, dig"),
    *(
      ("policies", {name: "x"}, "policies has the name .*and . _ - . alone")
      for name in ("a\nb", "a|b", "a@b", "a b", "org/model", "x\n")
    ),
    ("runs", [{"strategy": "greedy"}], "runs is .*a group of names, each with"),
    ("runs", {}, "runs is {}; expected a group of names, each with a block"),
    ("sampler.top_k", 10**12, "top_k is 1000000000000.*at most 2147483647"),
    ("limits.max_steps", 2**31, "max_steps is 2147483648.*at most 2147483647"),
    ("task.count", 10**10, "config.task.count is .*at most 2147483647"),
    ("runs.rebase.n", [10**10], "config.runs.rebase.n is .*at most 2147483647"),
    ("sampler.temperature", 1e300, "temperature is 1e.300; .*at most 1e.30"),
    ("runs.rebase.temperature", 1e300, "rebase.temperature is 1e.300; .*1e.30"),
    ("runs.rebase.temperature", 1e-300, "temperature is 1e-300; .*from 1e-30"),
    ("sampler.top_p", 1e-300, "top_p is 1e-300; expected .*from 1e-30 on"),
    ("policies.small", 3, "config.policies.small is 3"),
    ("aggregations", ["last", "median"], "'median'.*'product'"),
    ("format.answer_markers", [], r"answer_markers is \[\].*one or more"),
    ("runs.rebase.temperature", 0, "rebase.temperature is 0.*above 0"),
    ("runs.rebase.rule", "floor", "'floor'.*'ceil', 'round', 'exact'"),
    ("runs.rebase.n", [4, 0], r"n is \[4, 0\]"),
    ("runs.rebase.seeds", [0, 2**63], "seeds is.*at most 2147483647"),
    (
      "runs.rebase.strategy",
      "tot",
      "rebase.strategy is 'tot'.*'rebase', 'rew",
    ),
    *(
      ("runs.rebase.strategy", f"rebase/{word}", "rebase/.*a slash and a word")
      for word in ("", " ", "a b", "a|b", "a\nb")
    ),
    ("runs.rebase.strategy", "mcts", "rebase.rule.*no such key"),
    (
      "runs.rebase.strategy",
      "greedy/x",
      "duplicates.*with strategy 'greedy/x'; expected.*: take it out",
    ),
    (
      "reward.format",
      "none",
      "reward.source.*with format 'none'.*which a flag",
    ),
    ("runs.rebase.strategy", 3, "runs.rebase.strategy is 3.*'dvts'"),
    ("runs.rebase.duplicates", "fold", "'fold'.*'keep', 'drop', 'merge'"),
    ("runs.sampling.temperature", 1.0, "sampling.temperature.*no such key"),
    ("runs.greedy.n", [1], "config.runs.greedy.n.*no such key"),
    ("runs.rebase.policies", ["tiny"], "'tiny'.*config.policies lacks.*large"),
  ],
)
def test_a_wrong_value_is_named_with_what_is_due(path, value, words):
  config = resolved()
  *groups, last = path.split(".")
  target = config
  for group in groups:
    target = target[group]
  target[last] = value
  with pytest.raises(ValueError, match=f"(?s){words}"):
    spec.read_sweep(config)


@pytest.mark.parametrize(
  "path",
  [
    "task",
    "policies",
    "runs",
    "task.kind",
    "reward.format",
    "reward.source",
    "runs.rebase.n",
    "runs.rebase.strategy",
  ],
)
def test_a_missing_key_is_named(path):
  config = resolved()
  *groups, last = path.split(".")
  target = config
  for group in groups:
    target = target[group]
  del target[last]
  with pytest.raises(ValueError, match=f"config.{path} is missing"):
    spec.read_sweep(config)


def test_what_is_left_out_has_its_default():
  config = {
    "task": {"kind": "synthetic"},
    "policies": {"a": "x", "b": "y"},
    "runs": {"tree": {"strategy": "sampling", "n": (4, 8)}},
  }
  sweep = spec.read_sweep(ml_collections.ConfigDict(config))
  assert (sweep.reward.format, sweep.prompt.kind) == ("none", "plain")
  assert sweep.runs["tree"].policies == ("a", "b")
  assert sweep.runs["tree"].seeds == (0,)
  assert sweep.aggregations == names.AGGREGATIONS
  assert (sweep.sampler.temperature, sweep.limits.total_tokens) == (1, 1024)
  again = spec.read_sweep(spec.to_json(sweep))
  assert again == sweep and spec.to_json(again) == spec.to_json(sweep)


def test_the_largest_numbers_that_travel_are_allowed():
  config = resolved()
  config["sampler"]["top_k"] = 2**31 - 1
  config["runs"]["rebase"]["temperature"] = 1e30
  found = spec.read_sweep(config)
  assert found.sampler.top_k == 2**31 - 1
  assert found.runs["rebase"].temperature == 1e30


@pytest.mark.parametrize("name", ["large", "Qwen2.5-7B_v+1", "größe", "漢字"])
def test_names_of_policies_may_be_in_any_letters(name):
  config = {**resolved(), "policies": {name: "x"}, "runs": {}}
  config["runs"]["a"] = {"strategy": "greedy"}
  assert spec.read_sweep(config).runs["a"].policies == (name,)


def test_values_of_numpy_are_plain_ones():
  config = resolved()
  config["task"]["count"] = np.int64(6)
  config["sampler"]["temperature"] = np.float32(0.5)
  config["runs"]["rebase"]["n"] = np.array([1, 2])
  found = spec.read_sweep(config)
  assert found.task.count == 6 and found.sampler.temperature == 0.5
  assert found.runs["rebase"].n == (1, 2)
  json.dumps(spec.to_json(found))
  config["task"]["count"] = np.float64(6.5)
  with pytest.raises(ValueError, match=r"config.task.count is 6.5; expected"):
    spec.read_sweep(config)


def test_hyperparameters_have_defaults():
  config = resolved()
  for key in ("temperature", "rule", "duplicates", "seeds"):
    del config["runs"]["rebase"][key]
  assert spec.to_json(spec.read_sweep(config)) == resolved()


def test_all_faults_are_told_at_once():
  config = {
    "policies": {},
    "runs": {"a": {"strategy": "rebase", "temprature": 1}},
    "task": {"kind": "jsonl", "limit": -1},
    "colour": "red",
  }
  with pytest.raises(ValueError) as caught:
    spec.read_sweep(config)
  first, *faults = str(caught.value).split("\n  ")
  assert first == "config has 6 faults:"
  for fault, words in zip(
    faults,
    (
      "config.colour is 'red', but there is no such key",
      "config.task.limit is -1; expected a whole number of at least 0",
      "config.task.path is missing",
      "config.policies is {}",
      "config.runs.a.temprature is 1, .*did you mean 'temperature'",
      "config.runs.a.n is missing; expected a list of one or more",
    ),
    strict=True,
  ):
    assert re.match(words, fault), (fault, words)


@pytest.mark.parametrize("values", [None, 3, [], "text"])
def test_what_is_no_config_is_named(values):
  with pytest.raises(ValueError, match=r"config is .*expected a group of keys"):
    spec.read_sweep(values)


def with_file(**task):
  config = resolved()
  config["task"] = {"kind": "jsonl", "path": "x.jsonl", "limit": 0, **task}
  return config


def test_names_of_fields_may_be_left_out_of_a_config():
  assert spec.read_sweep(with_file()).task.fields is None
  found = spec.read_sweep(with_file(fields={"gold": "target"}))
  assert found.task.fields == {"gold": "target"}


@pytest.mark.parametrize(
  "fields", ["gold", {"answer": "x"}, {"gold": 3}, {"gold": ""},
             {"gold": "x", "question": "x"}]
)  # fmt: skip
def test_names_of_fields_are_checked(fields):
  with pytest.raises(
    ValueError, match=r"config.task.fields is .*question, gold, level, id"
  ):
    spec.read_sweep(with_file(fields=fields))


def test_steps_of_an_external_reward_model_fit_in_a_solution():
  config = resolved()
  config["reward"] = {
    "format": "llemma", "source": "x", "prompt_tokens": 40, "step_tokens": 20,
    "total_tokens": 19,
  }  # fmt: skip
  with pytest.raises(
    ValueError, match=r"config.reward.step_tokens is 20, more"
  ):
    spec.read_sweep(config)
