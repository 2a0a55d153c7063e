"""The embedded family: complete, small, described, and really trained."""

import itertools
import json

import jax
import numpy as np
import pytest

from configs import train_policy, train_thinking
from inference_scaling import assets, models
from inference_scaling.tasks import synthetic
from inference_scaling.training import policy
from inference_scaling.training import tokenizer as tokenizer_lib
from inference_scaling.training.data import batches, thinking_data

NAMES = assets.embedded_names()


def _architecture(name):
  text = (assets.resolve(name) / "config.json").read_text()
  return json.loads(text)["architectures"][0]


THINKING = "embedded/policy_thinking"
LANGUAGE_MODELS = [n for n in NAMES if _architecture(n) == "LlamaForCausalLM"]
POLICIES = [n for n in LANGUAGE_MODELS if n != THINKING]
REWARDS = [n for n in NAMES if n not in LANGUAGE_MODELS]


def test_family_is_complete():
  assert len(POLICIES) == 3
  assert len(REWARDS) == 1
  assert THINKING in LANGUAGE_MODELS
  assert NAMES == sorted(NAMES)
  assert all(name.startswith("embedded/") for name in NAMES)


def test_all_together_fit_into_the_package():
  size = sum(
    path.stat().st_size
    for name in NAMES
    for path in assets.resolve(name).rglob("*")
    if path.is_file()
  )
  assert 0 < size < 20e6


def test_sizes_are_about_four_times_apart():
  sizes = sorted(
    models.load_model(assets.resolve(name)).num_parameters for name in POLICIES
  )
  assert len(sizes) == 3
  for smaller, larger in itertools.pairwise(sizes):
    assert 3 < larger / smaller < 5


@pytest.mark.parametrize("name", NAMES)
def test_card_says_how_it_was_made(name):
  card = (assets.resolve(name) / "README.md").read_text().lower()
  for subject in ("data", "steps", "minutes", "loss", "held-out", "%"):
    assert subject in card, subject


@pytest.mark.parametrize("name", NAMES)
def test_tokenizer_is_the_one_that_is_trained_with(name):
  load = models.load_reward_model if name in REWARDS else models.load_model
  loaded = load(assets.resolve(name)).tokenizer
  words = train_thinking.get_config().words if name == THINKING else ()
  built = tokenizer_lib.build_tokenizer(words)
  assert loaded.get_vocab() == built.get_vocab()
  text = "Anna has 47 apples.\nStep 1: 47 - 15 = 32 apples. ки"
  assert loaded(text)["input_ids"] == built(text)["input_ids"]


def _held_out(model):
  config = train_policy.get_config("small")
  bucket = batches.Bucket(*config.buckets[0])
  source = batches.SolutionBatches(model.tokenizer, "test", 0, 16, 1, [bucket])
  return source[0]


@pytest.mark.parametrize("name", POLICIES)
def test_policy_has_learned(name):
  model = models.load_model(assets.resolve(name))
  loss, _ = jax.jit(policy.make_loss(model))(model.params, _held_out(model))
  # Guessing among the words costs log(V) = 5.6 nats; knowing only the format
  # of a step, and not its numbers, costs about 1.
  assert loss < 0.5


def test_policy_that_thinks_has_learned():
  """From right attempts alone: it ends its thinking and answers."""
  config = train_thinking.get_config()
  problems = synthetic.generate("test", 16, 0, (1, 2))
  model = models.load_model(assets.resolve(THINKING))
  batch = thinking_data.ThinkingBatches(
    model.tokenizer, thinking_data.Texts(**config.texts), problems,
    {problem.id: [] for problem in problems},
    [batches.Bucket(*config.buckets[0])], 16, 1, 0, 1, 0.0,
  )[0]  # fmt: skip
  loss, _ = jax.jit(policy.make_loss(model))(model.params, batch)
  assert loss < 0.2


@pytest.mark.parametrize("name", REWARDS)
def test_reward_falls_at_a_wrong_digit(name):
  model = models.load_reward_model(assets.resolve(name))
  batch = _held_out(model)
  tokens, weights = batch["tokens"], batch["weights"]
  ends = [np.flatnonzero(row)[-2] for row in weights]  # before the end mark
  rows = np.arange(len(tokens))
  solution = weights > 0
  score = jax.jit(model.token_rewards)
  right = score(model.params, tokens, solution)[rows, ends]
  digits = model.tokenizer.convert_tokens_to_ids(list("0123456789"))
  wrong = tokens.copy()
  for row, start in zip(wrong, weights.argmax(1), strict=True):
    equals = np.flatnonzero(row == model.tokenizer.convert_tokens_to_ids("▁="))
    place = equals[equals > start][0] + 2  # second digit of the first result
    assert row[place] in digits
    row[place] = digits[(digits.index(row[place]) + 3) % 10]
  spoiled = score(model.params, wrong, solution)[rows, ends]
  assert np.mean(right) > np.mean(spoiled) + 0.3


def test_unknown_name():
  with pytest.raises(ValueError, match=r"'embedded/huge'.*expected one of"):
    assets.resolve("embedded/huge")


def test_path_passes_through(tmp_path):
  assert assets.resolve(str(tmp_path)) == tmp_path
