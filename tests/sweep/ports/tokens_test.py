"""A reward model of this package that reads the tokens of a port."""

import dataclasses
import json
import sys
import types

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models, search, sweep
from inference_scaling.sweep.ports import loading
from inference_scaling.sweep.ports import tokens as port_tokens
from inference_scaling.training import tokenizer as tokenizer_lib
from tests.sweep import tiny

SOURCE = "python:token_models:make_policy"
TOKENIZER = tokenizer_lib.build_tokenizer()
LIMITS = decoding.Limits(32, step_tokens=8, total_tokens=32, max_steps=4)
TEXTS = ["\nStep 3 ки", "\nStep 4 ки", "\n The answer is: 7 ки"]


def ids(text):
  return TOKENIZER(text, add_special_tokens=False)["input_ids"]


@flax.struct.dataclass
class Params:
  """Three steps, of which the last ends a solution."""

  tokens: jax.Array
  lengths: jax.Array


def params():
  rows = [ids(text) for text in TEXTS]
  padded = [row + [0] * (8 - len(row)) for row in rows]
  return Params(jnp.array(padded), jnp.array([len(row) for row in rows]))


@dataclasses.dataclass(frozen=True)
class Speaker:
  """Says one of the three steps."""

  num_beams: int

  def start(self, params, prompts):
    return jnp.zeros((prompts.lengths.shape[0], self.num_beams), jnp.int32)

  def extend(self, params, keys, said, active):
    draw = lambda key: jax.random.randint(key, (), 0, 3)  # noqa: E731
    which = jax.vmap(jax.vmap(draw))(keys)
    lengths = params.lengths[which]
    status = jnp.where(which == 2, search.FINISHED, search.RUNNING)
    content = decoding.StepTokens(params.tokens[which], lengths)
    return said, search.Step(status, lengths, content)

  def fork(self, said, parents):
    return jnp.take_along_axis(said, parents, axis=1)


def encode(question):
  row = [TOKENIZER.bos_token_id, *ids(question)]
  tokens = np.array(row + [0] * (32 - len(row)))
  return decoding.Prompts(tokens, np.int32(len(row)))


def decode(steps):
  tokens = [t for step in steps for t in step.tokens[: step.lengths].tolist()]
  return TOKENIZER.decode(tokens)


def port(monkeypatch, **changes):
  fields = {
    "make": Speaker, "weights": params(), "params": lambda weights, *_: weights,
    "encode": encode, "count_tokens": lambda prompt: prompt.lengths,
    "decode": decode, "version": "1", "tokenizer": TOKENIZER, **changes,
  }  # fmt: skip
  module = types.ModuleType("token_models")
  module.make_policy = lambda: sweep.PolicyPort(**fields)
  monkeypatch.setitem(sys.modules, "token_models", module)
  return loading.load_policy(SOURCE)


@pytest.fixture
def quick_compilations():
  """Halves the time of a search; what is asserted does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.usefixtures("quick_compilations")
def test_a_reward_model_scores_the_steps_of_a_port(
  family, tmp_path, monkeypatch
):
  loaded = port(monkeypatch)
  runs = {
    "sampling": {
      "strategy": "sampling", "policies": ("mine",), "n": (2,), "seeds": (0,)
    }
  }  # fmt: skip
  config = tiny.config(family, policies={"mine": SOURCE}, runs=runs)
  sweep.run_sweep(config, tmp_path, say=lambda line: None)
  lines = (tmp_path / "records.jsonl").read_text().splitlines()
  records = {value["problem"]["id"]: value for value in map(json.loads, lines)}
  reward = decoding.ModelReward(tiny.reward(), LIMITS, 2)
  rows = [records[i]["problem"]["question"] for i in range(6)]
  prompts = jax.tree.map(lambda *x: jnp.stack(x), *map(encode, rows))
  keys = jax.vmap(jax.random.fold_in, (None, 0))(
    jax.random.key(0), jnp.arange(6)
  )
  final = search.run_search(
    Speaker(2), reward, search.sampling(), params(), tiny.reward().params,
    prompts, keys, max_depth=4,
  )  # fmt: skip
  assert loaded.make(2) == Speaker(2)
  for i, record in records.items():
    tree = jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), final.tree)
    nodes = search.list_nodes(tree.parents, tree.active)
    at = nodes.rounds, nodes.slots
    assert record["tree"]["tokens"] == tree.num_tokens[at].tolist()
    np.testing.assert_allclose(
      record["tree"]["scores"], tree.scores[at], atol=1e-5
    )
    ledger = record["ledger"]
    assert ledger["reward_scored"] == ledger["policy_decode"]
    assert ledger["reward_prefill"] == ledger["policy_prefill"]
    assert ledger["policy_prefill"] == prompts.lengths[i]
    assert ledger["reward_attended"] > 0 == ledger["policy_attended"]


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    (
      {"encode": lambda q: jnp.zeros(4)},
      "problem 0: encode returned a ndarray",
    ),
    (
      {"encode": lambda q: decoding.Prompts(jnp.zeros(40), jnp.int32(3))},
      r"tokens \[40\] and lengths \[\]; expected tokens \[S\], S at most 32",
    ),
  ],
)
def test_prompts_that_it_cannot_read_are_named(monkeypatch, changes, words):
  loaded = port(monkeypatch, count_tokens=lambda prompt: 3, **changes)
  problem = types.SimpleNamespace(id=0, question="How many?")
  with pytest.raises(ValueError, match=f"{SOURCE}: .*{words}"):
    port_tokens.check(loaded, tiny.reward(), loaded.encode([problem]), LIMITS)


def test_another_tokenizer_is_named(monkeypatch):
  loaded = port(monkeypatch, tokenizer=_Other())
  with pytest.raises(ValueError, match=f"{SOURCE}: the reward model's tokeniz"):
    port_tokens.check(loaded, tiny.reward(), [], LIMITS)


class _Other:
  def get_vocab(self):
    return {"a": 0}


def test_what_a_reward_of_tokens_cannot_read_is_named():
  prompts = jnp.zeros((1, 4), jnp.int32)
  reward = decoding.ModelReward(tiny.reward(), LIMITS, 2)
  assert isinstance(tiny.reward(), models.RewardModel)
  with pytest.raises(
    ValueError, match=r"prompts are a .*; expected decoding.Pr"
  ):
    reward.start(None, prompts)
  both = jnp.ones((1, 2), jnp.int32)
  step = search.Step(both, both, both)
  for scorer in (reward, decoding.TokenReward("likelihood", 2)):
    state = None
    if scorer is not reward:
      state = scorer.start(None, prompts)
    with pytest.raises(ValueError, match=r"Step.content is a .*StepTokens"):
      scorer.score(None, state, step, both > 0)
