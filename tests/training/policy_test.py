"""Training of a tiny policy, end to end."""

import functools
import json

import grain
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from inference_scaling import models
from inference_scaling.training import policy
from inference_scaling.training import tokenizer as tokenizer_lib
from inference_scaling.training.data import batches

LENGTH = 96


def _config(**changes):
  config = ml_collections.ConfigDict(
    {
      "kind": "policy",
      "seed": 3,
      "architecture": {
        "hidden_size": 16, "intermediate_size": 24, "num_layers": 1,
        "num_heads": 2, "num_kv_heads": 1, "head_dim": 8,
        "norm_eps": 1e-5, "rope_theta": 10_000.0,
        "max_position_embeddings": 128, "tie_word_embeddings": True,
      },
      "buckets": (((1,), LENGTH),),
      "batch_size": 2,
      "evaluation_batch_size": 2,
      "steps": 6,
      "learning_rate": 0.03,
      "warmup_steps": 1,
      "decay_steps": 1,
      "checkpoint_every": 3,
      "evaluate_every": 2,
    }
  )  # fmt: skip
  config.update(changes)
  return config


@pytest.fixture(scope="module")
def model():
  tokenizer = tokenizer_lib.build_tokenizer()
  config = policy.decoder_config(_config().architecture, tokenizer)
  return models.initial_model(config, tokenizer, seed=0)


@pytest.fixture(scope="module")
def batch(model):
  return policy.make_batches(_config(), model.tokenizer)[0]


@pytest.fixture(scope="module")
def loss(model):
  return jax.jit(policy.make_loss(model))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("straight")
  return policy.train_policy(_config(), workdir), workdir


def _rows(workdir):
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  rows = [json.loads(line) for line in lines]
  for row in rows:
    del row["seconds"]
  return rows


@functools.cache
def _jitted(model):
  return jax.jit(model.logits)


def _logits(model, tokens):
  return np.array(_jitted(model)(model.params, tokens))


def _log_probabilities(model, tokens):
  """Of each next token, [B, T - 1], in float64."""
  logits = np.asarray(_logits(model, tokens[:, :-1]), np.float64)
  logits -= logits.max(-1, keepdims=True)
  log_sums = np.log(np.exp(logits).sum(-1, keepdims=True))
  next_tokens = tokens[:, 1:, None]
  return np.take_along_axis(logits - log_sums, next_tokens, -1)[..., 0]


def test_loss_falls_in_a_few_steps(trained):
  rows = _rows(trained[1])
  assert [row["step"] for row in rows] == [2, 4, 6]
  assert rows[-1]["loss_1"] < rows[0]["loss_1"] - 0.3


def test_model_is_saved(trained):
  policy_model, workdir = trained
  loaded = models.load_model(workdir / "model")
  assert loaded.config == policy_model.config
  jax.tree.map(
    np.testing.assert_array_equal, loaded.params, policy_model.params
  )
  text = "Anna has 47 apples.\nStep 1: 47 - 5 = 42 apples. ки"
  tokens = loaded.tokenizer(text)["input_ids"]
  assert tokens == policy_model.tokenizer(text)["input_ids"]


@pytest.mark.slow
def test_killed_run_ends_with_the_same_bits(trained, tmp_path, monkeypatch):
  straight, straight_dir = trained
  make_evaluation = policy.make_evaluation

  def make_killer(config, model):
    evaluate = make_evaluation(config, model)
    calls = []

    def killer(params):
      calls.append(1)
      if len(calls) == 2:  # at step 4, with a checkpoint of step 3
        raise KeyboardInterrupt
      return evaluate(params)

    return killer

  monkeypatch.setattr(policy, "make_evaluation", make_killer)
  with pytest.raises(KeyboardInterrupt):
    policy.train_policy(_config(), tmp_path)
  assert not (tmp_path / "model").exists()
  monkeypatch.undo()
  resumed = policy.train_policy(_config(), tmp_path)
  jax.tree.map(np.testing.assert_array_equal, resumed.params, straight.params)
  assert _rows(tmp_path) == _rows(straight_dir)


def test_loss_is_the_entropy_of_the_solution(model, loss, batch):
  log_probabilities = _log_probabilities(model, batch["tokens"])
  learned = batch["weights"][:, 1:] == 1
  expected = -log_probabilities[learned].mean()
  value, metrics = loss(model.params, batch)
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  assert metrics["exact"] == 0.0


def test_loss_does_not_see_the_padding(model, loss, batch):
  changed = batch | {"tokens": batch["tokens"].copy()}
  for row in range(2):
    end = np.flatnonzero(batch["weights"][row])[-1] + 1
    changed["tokens"][row, end:] = 7
    assert end < LENGTH
  before, after = loss(model.params, batch)[0], loss(model.params, changed)[0]
  np.testing.assert_allclose(before, after, rtol=1e-6)


def test_exact_counts_whole_solutions(model, loss, batch):
  # Rows whose learned tokens are what the model itself finds most likely.
  most_likely = _logits(model, batch["tokens"][:, :-1]).argmax(-1)
  weights = np.zeros_like(batch["weights"])
  tokens = batch["tokens"].copy()
  tokens[:, 5] = most_likely[:, 4]
  weights[:, 5] = 1.0
  tokens[1, 5] = (tokens[1, 5] + 1) % model.config.vocab_size
  _, metrics = loss(model.params, {"tokens": tokens, "weights": weights})
  assert metrics["exact"] == 0.5


class _Bigrams:
  """Logits are a table: sure enough for whole solutions to have a chance."""

  def __init__(self, tokenizer, tokens):
    self.tokenizer = tokenizer
    self.params = np.full((len(tokenizer),) * 2, -9.0, np.float32)
    for row in tokens:
      self.params[row[:-1], row[1:]] = row[1:] % 3

  def logits(self, params, tokens):
    return jnp.asarray(params)[tokens]


def test_evaluation_is_on_the_validation_split(model):
  config = _config()
  source = batches.SolutionBatches(
    model.tokenizer, "validation", config.seed, 2, 1,
    [batches.Bucket((1,), LENGTH)],
  )  # fmt: skip
  tokens, weights = source[0]["tokens"], source[0]["weights"][:, 1:]
  bigrams = _Bigrams(model.tokenizer, tokens)
  metrics = policy.make_evaluation(config, bigrams)(bigrams.params)
  weighted = _log_probabilities(bigrams, tokens) * weights
  assert set(metrics) == {"loss_1", "sampled_1"}
  loss = -weighted.sum() / weights.sum()
  np.testing.assert_allclose(metrics["loss_1"], loss, rtol=1e-5)
  sampled = np.exp(weighted.sum(-1)).mean()
  assert sampled > 1e-20
  np.testing.assert_allclose(metrics["sampled_1"], sampled, rtol=1e-3)


def test_vocabulary_and_marks_come_from_the_tokenizer(model):
  assert model.config.vocab_size == len(model.tokenizer)
  assert model.config.eos_token_ids == (model.tokenizer.eos_token_id,)
  assert model.config.bos_token_id == model.tokenizer.bos_token_id


def test_config_that_misses_a_number(model):
  architecture = _config().architecture.copy_and_resolve_references()
  del architecture["rope_theta"]
  with pytest.raises(TypeError, match="rope_theta"):
    policy.decoder_config(architecture, model.tokenizer)


def test_batches_are_a_grain_source(model):
  source = policy.make_batches(_config(), model.tokenizer)
  assert isinstance(source, grain.sources.RandomAccessDataSource)
  assert len(source) == 6
