"""Texts in which a policy thinks, and a tiny training on them."""

import json

import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import train_thinking
from inference_scaling import models
from inference_scaling.tasks import synthetic
from inference_scaling.training import policy, thinking
from inference_scaling.training import tokenizer as tokenizer_lib
from inference_scaling.training.data import sampling, thinking_data

CONFIG = train_thinking.get_config()
TEXTS = thinking_data.Texts(**CONFIG.texts)
TOKENIZER = tokenizer_lib.build_tokenizer(CONFIG.words)
PROBLEM = synthetic.generate("train", 2, 3)[1]
RIGHT = thinking_data.right_attempt(PROBLEM)
WRONG = RIGHT.replace("= ", "= 1", 1)


def test_words_are_one_token_each_behind_all_others():
  plain = tokenizer_lib.build_tokenizer()
  added = set(TOKENIZER.get_vocab()) - set(plain.get_vocab())
  assert added == set(CONFIG.words)
  for index, word in enumerate(CONFIG.words):
    assert TOKENIZER.get_vocab()[word] == len(plain) + index
    ids = TOKENIZER(f"9\n{word}\n", add_special_tokens=False)["input_ids"]
    assert ids[2] == len(plain) + index and len(ids) == 4


def test_a_right_attempt_is_the_lines_of_the_solution():
  steps = [line.partition(": ")[2] for line in PROBLEM.steps]
  lines = [step.partition(f" {PROBLEM.things}")[0] for step in steps]
  assert thinking_data.attempt(lines) == RIGHT


def test_attempts_end_with_a_right_one():
  counts, others = set(), set()
  for seed in range(200):
    rng = np.random.default_rng(seed)
    drawn = [WRONG, RIGHT, "1 + 1 = 3\n"]
    attempts = thinking_data.compose(rng, RIGHT, drawn, 4)
    assert attempts[-1] == RIGHT and 1 <= len(attempts) <= 4
    assert set(attempts) <= {RIGHT, *drawn}
    counts.add(len(attempts))
    others |= set(attempts)
  assert counts == {1, 2, 3, 4} and others == {RIGHT, WRONG, "1 + 1 = 3\n"}
  assert thinking_data.compose(rng, RIGHT, [], 1) == [RIGHT]


def _encoded(attempts, cut=None):
  tokens, learned = thinking_data.encode(
    TOKENIZER, TEXTS, PROBLEM, attempts, cut
  )
  pick = lambda kept: TOKENIZER.decode(  # noqa: E731
    [t for t, x in zip(tokens, learned, strict=True) if x == kept]
  )
  return TOKENIZER.decode(tokens), pick(True), pick(False)


def test_what_is_right_is_learned_and_what_is_wrong_is_read():
  answer = f" The answer is: {PROBLEM.gold} ки</s>"
  question = f"<s>{PROBLEM.question}\n<think>\n"
  text, learned, read = _encoded([WRONG, RIGHT, RIGHT])
  assert text == (
    f"{question}{WRONG}Wait\n{RIGHT}Wait\n{RIGHT}</think>{answer}"
  )
  before = RIGHT[: RIGHT.index("=") + 1]  # the first digit is the error
  assert learned == f"{before}Wait\n{RIGHT}{RIGHT}</think>{answer}"
  assert read.endswith("Wait\n") and read.startswith(question)


def test_thinking_that_is_cut_is_ended_and_answered():
  whole, _, _ = _encoded([RIGHT])
  text, learned, read = _encoded([RIGHT], cut=0.5)
  answer = f" The answer is: {PROBLEM.gold} ки</s>"
  assert text.endswith(f"\n</think>{answer}") and text != whole
  assert learned.endswith(answer) and "</think>" not in learned
  assert RIGHT not in text and read.endswith("\n</think>")


def _tiny_start(folder):
  tokenizer = tokenizer_lib.build_tokenizer()
  architecture = ml_collections.ConfigDict(
    {
      "hidden_size": 16, "intermediate_size": 16, "num_layers": 1,
      "num_heads": 2, "num_kv_heads": 1, "head_dim": 8, "norm_eps": 1e-5,
      "rope_theta": 10_000.0, "max_position_embeddings": 512,
      "tie_word_embeddings": True,
    }
  )  # fmt: skip
  config = policy.decoder_config(architecture, tokenizer)
  model = models.initial_model(config, tokenizer, seed=0)
  models.save_model(model, folder)
  return model


def test_new_words_change_no_old_logits(tmp_path):
  model = _tiny_start(tmp_path)
  longer = thinking.with_words(model, CONFIG.words)
  tokens = jnp.array([[5, 80, 120, 7]])
  old = model.logits(model.params, tokens)
  new = longer.logits(longer.params, tokens)
  assert new.shape[-1] == old.shape[-1] + len(CONFIG.words)
  np.testing.assert_allclose(new[..., : old.shape[-1]], old, atol=1e-5)


class _Sampler:
  """Says the same of every problem."""

  def solve(self, problems, seed):
    del seed
    for problem in problems:
      texts = (*problem.steps, "")
      rambling = sampling.Solution((), ("What?",))
      yield problem.id, [sampling.Solution((), texts), rambling]


def test_attempts_are_drawn_once_a_folder(tmp_path):
  path = tmp_path / "attempts.jsonl"
  problems = synthetic.generate("train", 3, 1)
  drawn = thinking_data.draw_attempts(_Sampler(), problems, 0, path)
  assert drawn == {
    problem.id: [thinking_data.right_attempt(problem)] for problem in problems
  }
  again = thinking_data.draw_attempts(None, problems, 0, path)
  assert again == drawn


def test_a_tiny_training_writes_a_policy_that_reads_the_words(tmp_path):
  _tiny_start(tmp_path / "start")
  config = CONFIG.copy_and_resolve_references()
  config.update(
    start=str(tmp_path / "start"), train_problems=6, validation_problems=6,
    samples_per_problem=1, num_slots=6, batch_size=2, steps=3,
    warmup_steps=1, decay_steps=1, checkpoint_every=3, evaluate_every=3,
    buckets=(((1, 2, 3, 4, 5, 6), 320),),
  )  # fmt: skip
  config.limits.total_tokens = 32
  thinking.train_thinking(config, tmp_path / "run")
  trained = models.load_model(tmp_path / "run" / "model")
  assert trained.tokenizer.get_vocab() == TOKENIZER.get_vocab()
  assert trained.config.vocab_size == len(TOKENIZER)
  lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
  assert json.loads(lines[-1])["loss_1-2-3-4-5-6"] > 0
  config.cut = 2.0
  with pytest.raises(ValueError, match=r"config\.cut is 2"):
    thinking.train_thinking(config, tmp_path)
