"""What is wrong with a port is named, before a sweep begins."""

import dataclasses
import sys
import types

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search, sweep, tasks
from inference_scaling.sweep import checkpoints
from inference_scaling.sweep.ports import loading
from tests.search import toy
from tests.sweep import tiny

SOURCE = "python:bad_models:make_policy"
GOOD = {
  "make": toy.TreePolicy,
  "weights": {"w": jnp.zeros((2, 3)), "b": jnp.zeros(4)},
  "params": lambda weights, temperature, top_k, top_p: temperature,
  "encode": lambda question: jnp.int32(len(question)),
  "count_tokens": int,
  "decode": lambda steps: " ".join(str(step["node"]) for step in steps),
  "version": "1",
}


@pytest.fixture
def module(monkeypatch):
  module = types.ModuleType("bad_models")
  monkeypatch.setitem(sys.modules, "bad_models", module)
  module.make_policy = lambda: sweep.PolicyPort(**GOOD)
  module.make_reward = lambda: sweep.RewardPort(
    make=lambda n: toy.TableReward(), version="1"
  )
  return module


def load(module, **changes):
  module.make_policy = lambda: sweep.PolicyPort(**GOOD | changes)
  return loading.load_policy(SOURCE)


def problems(*questions):
  return [
    tasks.Problem(i, question, "1", 1, "test")
    for i, question in enumerate(questions)
  ]


def test_a_sound_port_says_what_it_costs(module):
  port = load(module)
  assert port.parameters == 10 and port.cost.per_token == 20
  assert port.make(3) == toy.TreePolicy(3)
  assert port.params(0.5, 0, 1.0).dtype == jnp.float32
  encoded = port.encode(problems("how?", "why so?"))
  assert [(row.prompts.tolist(), row.num_tokens) for row in encoded] == [
    ([4], 4), ([7], 7)
  ]  # fmt: skip
  port = load(module, parameters=7, flops_per_token=1.5)
  assert port.parameters == 7
  assert port.cost == dataclasses.replace(
    port.cost, parameters=7, per_token=1.5, per_position=0, unembedding=0
  )


def test_the_digest_is_of_the_version_or_of_weights_and_module(
  module, tmp_path
):
  first, second = load(module), load(module, version="2")
  assert first.sha256() == load(module, weights=(), parameters=9).sha256()
  assert first.sha256() != second.sha256()
  file = tmp_path / "module.py"
  file.write_text("one")
  port = dataclasses.replace(load(module), module=file)
  bare = dataclasses.replace(port.given, version=None)
  digests = []
  for weights in (bare.weights, bare.weights | {"b": jnp.ones(4)}):
    given = dataclasses.replace(bare, weights=weights)
    digests.append(dataclasses.replace(port, given=given).sha256())
  file.write_text("two")
  digests.append(dataclasses.replace(port, given=bare).sha256())
  assert len(set(digests)) == 3


@pytest.mark.parametrize(
  ("source", "words"),
  [
    ("python:bad_models", "names no maker; expected python:package.module:fun"),
    ("python:bad_models:", "names no maker"),
    ("python:no_such:make", r"module no_such cannot be imported.*PYTHONPATH"),
    ("python:bad_models:other", "module bad_models has no other; expected a f"),
    ("python:bad_models:__name__", "__name__ is a str; expected a function"),
    ("python:bad_models:load", r"load raised KeyError: 'weights\.npz'"),
    ("python:bad_models:exit", r"exit raised SystemExit: 3"),
    ("python:bad_models:make_reward", "a RewardPort; expected a sweep.PolicyP"),
  ],
)
def test_a_maker_that_is_none_is_named(module, source, words):
  def fail():
    raise KeyError("weights.npz")

  module.load, module.exit = fail, lambda: sys.exit(3)
  with pytest.raises(ValueError, match=words) as caught:
    checkpoints.policy(source)
  assert source in str(caught.value)


def test_a_module_that_fails_is_named(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(str(tmp_path))
  for name, code, words in (
    ("failing_models", "1 / 0", "ZeroDivisionError: div"),
    ("leaving_models", "raise SystemExit(2)", "SystemExit: 2"),
  ):
    (tmp_path / f"{name}.py").write_text(f"{code}\n")
    with pytest.raises(ValueError, match=f"imported .{words}"):
      checkpoints.reward(f"python:{name}:make", "python")


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"weights": {"w": "file"}}, r"weights\['w'\] is a str; expected a pytree"),
    ({"parameters": -1}, "parameters is -1; expected a whole number of at le"),
    ({"parameters": 1.5}, "parameters is 1.5; expected a whole number"),
    ({"flops_per_token": "9"}, "flops_per_token is '9'; expected a number of"),
    ({"decode": None}, "decode is a NoneType; expected a function"),
    ({"version": 2}, "version is 2; expected a text, or None"),
    ({"version": None}, "no file to make a digest of; expected the field `ver"),
    ({"parameters": 0}, "has parameters 0; .*Give the field `parameters`"),
    ({"weights": None}, "has parameters 0; .*or its arrays as `weights`"),
    ({"flops_per_token": 0}, "flops_per_token 0; expected a number above 0"),
  ],
)
def test_a_wrong_field_is_named(module, changes, words):
  with pytest.raises(ValueError, match=f"{SOURCE}.*{words}"):
    load(module, **changes)


def _fail(*args):
  raise IndexError("no row")


class _Holding(toy.TreePolicy):
  def __init__(self, num_beams):
    super().__init__(num_beams)
    object.__setattr__(self, "table", {"rows": np.zeros(3)})


class _Unhashable(toy.TreePolicy):
  __hash__ = None


@pytest.mark.parametrize(
  ("make", "words"),
  [
    (_fail, r"make raised IndexError: no row"),
    (lambda n: toy.TableReward(), r"make\(4\): .*no function extend"),
    (lambda n: toy.TreePolicy(2), r"make\(4\): .*num_beams is 2; expected 4"),
    (_Holding, r"the attribute table of the _Holding holds an array"),
    (lambda n: search.layer_first(_Holding(n)), "attribute table of the _Hold"),
    (_Unhashable, "cannot be hashed"),
  ],
)
def test_a_wrong_policy_is_named(module, make, words):
  port = load(module, make=make)
  with pytest.raises(ValueError, match=f"{SOURCE}: .*{words}"):
    port.make(4)


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"encode": _fail}, "problem 0: encode raised IndexError: no row"),
    ({"encode": list}, r"problem 0: encode\[0\] is a str; expected a pytree"),
    (
      {"encode": lambda q: jnp.zeros(len(q), jnp.int32), "count_tokens": len},
      r"problem 1: its prompt is int32\(7,\), that of problem 0 int32\(4,\)",
    ),
    ({"count_tokens": lambda p: -1}, "problem 0: count_tokens is -1; expected"),
    ({"count_tokens": lambda p: "4"}, "count_tokens is '4'; expected a whole"),
  ],
)
def test_a_wrong_prompt_is_named(module, changes, words):
  port = load(module, **changes)
  with pytest.raises(ValueError, match=f"{SOURCE}: .*{words}"):
    port.encode(problems("how?", "why so?"))


def test_a_sampler_that_the_port_lacks_and_a_wrong_text_are_named(module):
  port = load(module, params=_fail, decode=lambda steps: steps)
  with pytest.raises(ValueError, match="params raised IndexError: no row"):
    port.params(1.0, 3, 1.0)
  with pytest.raises(ValueError, match="decode of 2 steps returned a list"):
    port.text([1, 2])
  port = load(module, params=lambda *args: "hot")
  with pytest.raises(ValueError, match="params is a str; expected a pytree"):
    port.params(1.0, 0, 1.0)


@pytest.mark.parametrize("text", ["a\ud800 The answer is 3", "\udfff"])
def test_half_of_a_character_is_named(module, text):
  port = load(module, decode=lambda steps: text)
  with pytest.raises(ValueError, match=r"decode of 2 steps returned '.ud.*UTF"):
    port.text([1, 2])


def test_a_function_in_place_of_a_checkpoint_is_named(module):
  with pytest.raises(ValueError, match=r"format is 'native'; expected 'python"):
    checkpoints.reward("python:bad_models:make_reward", "native")
  words = "give python:bad_models:make_policy"
  for find in (checkpoints.policy, lambda x: checkpoints.reward(x, "native")):
    with pytest.raises(FileNotFoundError, match=words):
      find("bad_models:make_policy")


def _config(family, reward, **changes):
  runs = {
    "sampling": {
      "strategy": "sampling", "policies": ("mine",), "n": (2,), "seeds": (0,)
    }
  }  # fmt: skip
  policies = {"mine": SOURCE}
  return tiny.config(
    family, reward=reward, policies=policies, runs=runs, **changes
  )


@pytest.mark.parametrize("reward_format", ["native", "likelihood"])
def test_a_reward_that_reads_tokens_is_refused(
  module, family, tmp_path, reward_format
):
  reward = {"format": reward_format}
  if reward_format == "native":
    reward["source"] = str(family / "reward")
  with pytest.raises(
    ValueError,
    match=f"format is '{reward_format}'.*policies.mine is {SOURCE}"
    ".*expected 'none', or",
  ):
    sweep.run_sweep(_config(family, reward), tmp_path, say=lambda line: None)


class _WrongStep(toy.TreePolicy):
  def extend(self, params, keys, node, active):
    params = toy.PolicyParams(jnp.float32(0.5))
    node, step = super().extend(params, keys, node, active)
    return node, step.replace(num_tokens=1.0)


def _wrong(**values):
  """A policy that gives every step some other values."""

  class Wrong(toy.TreePolicy):
    def extend(self, params, keys, node, active):
      params = toy.PolicyParams(jnp.float32(0.5))
      node, step = super().extend(params, keys, node, active)
      filled = {
        name: jnp.full_like(node, value) for name, value in values.items()
      }
      return node, step.replace(**filled)

  return Wrong


class _Failing(toy.TreePolicy):
  def extend(self, params, keys, node, active):
    raise KeyError("layers")


@pytest.mark.parametrize(
  ("policy", "error", "words"),
  [
    (
      _WrongStep,
      ValueError,
      "mine sampling n=2 seed=0: Step.num_tokens from p",
    ),
    (_Failing, KeyError, "layers"),
    (
      _wrong(num_tokens=-3),
      ValueError,
      r"run mine .*: problem 0, depth 0, .*num_tokens from policy.extend is -3"
      rf", expected a number of at least 0.*\(the policy is {SOURCE}\)",
    ),
    (
      _wrong(status=9),
      ValueError,
      rf"problem 0, depth 0, .*status from policy.extend is 9, .*{SOURCE}",
    ),
  ],
)
def test_what_goes_wrong_in_a_search_names_the_run(
  module, family, tmp_path, policy, error, words
):
  load(module, make=policy)
  config = _config(family, {"format": "none"})
  with pytest.raises(error, match=words) as caught:
    sweep.run_sweep(config, tmp_path, say=lambda line: None)
  if error is KeyError:
    note = f"run mine sampling n=2 seed=0: the policy is {SOURCE}"
    assert note in caught.value.__notes__


def test_a_wrong_text_names_port_run_and_problem(module, family, tmp_path):
  load(module, make=_wrong(), decode=lambda steps: "a\ud800")
  config = _config(family, {"format": "none"})
  with pytest.raises(
    ValueError, match=rf"run mine .*, problem 0: {SOURCE}: decode of .*UTF-8"
  ):
    sweep.run_sweep(config, tmp_path, say=lambda line: None)
  assert (tmp_path / "records.jsonl").read_bytes() == b""


def test_the_form_and_the_source_of_a_reward_belong_together(
  module, family, tmp_path
):
  reward = {"format": "python", "source": str(family / "reward")}
  with pytest.raises(ValueError, match="names no maker; expected python:pack"):
    sweep.run_sweep(_config(family, reward), tmp_path)
  with pytest.raises(ValueError, match=r"config\.reward\.source is missing"):
    sweep.run_sweep(_config(family, {"format": "python"}), tmp_path)
