"""Batches of solutions: a function of the step, weighted at the solution."""

import re

import ml_collections
import numpy as np
import pytest

from configs import train_policy
from inference_scaling import compute
from inference_scaling.tasks import prompts, synthetic
from inference_scaling.training import policy
from inference_scaling.training import tokenizer as tokenizer_lib
from inference_scaling.training.data import batches as batches_lib

BUCKETS = (
  batches_lib.Bucket((1, 2), 112),
  batches_lib.Bucket((3, 4), 160),
  batches_lib.Bucket((6,), 208),
)
OPERATION = re.compile(r"Step \d+: (\d+) (.) (\d+) = (\d+)")


@pytest.fixture(scope="module")
def tokenizer():
  return tokenizer_lib.build_tokenizer()


def _source(tokenizer, split="train", seed=4, num_batches=12):
  return batches_lib.SolutionBatches(
    tokenizer, split, seed, 4, num_batches, BUCKETS
  )


def _solution(tokenizer, batch, row):
  """The text to be learned, with the end mark."""
  learned = batch["tokens"][row][batch["weights"][row] == 1]
  return tokenizer.decode(learned)


def test_batch_is_a_function_of_its_step(tokenizer):
  first, second = _source(tokenizer), _source(tokenizer)
  forwards = {step: first[step] for step in range(6)}
  for step in reversed(range(6)):
    for key, value in second[step].items():
      np.testing.assert_array_equal(value, forwards[step][key])


def test_batches_differ(tokenizer):
  source = _source(tokenizer)
  texts = [
    _solution(tokenizer, source[step], row)
    for step in range(len(source))
    for row in range(4)
  ]
  assert len(set(texts)) > 0.9 * len(texts)
  second = _source(tokenizer, seed=5)[0]["tokens"]
  assert (second != source[0]["tokens"]).any()


def test_buckets_come_in_turn(tokenizer):
  source = _source(tokenizer)
  assert len(source) == 12
  for step in range(6):
    batch, bucket = source[step], BUCKETS[step % 3]
    assert batch["tokens"].shape == (4, bucket.length)
    assert batch["weights"].shape == (4, bucket.length)
    assert batch["tokens"].dtype == np.int32
    assert batch["weights"].dtype == np.float32
    for row in range(4):
      text = _solution(tokenizer, batch, row)
      assert len(OPERATION.findall(text)) in bucket.levels


@pytest.mark.parametrize("split", ["train", "validation"])
def test_only_the_split_asked_for(tokenizer, split):
  source = _source(tokenizer, split)
  for step in range(6):
    for row in range(4):
      text = _solution(tokenizer, source[step], row)
      operations = [
        synthetic.Operation(int(left), symbol, int(right), int(result))
        for left, symbol, right, result in OPERATION.findall(text)
      ]
      assert synthetic.split_of(operations) == split


def test_loss_is_on_the_solution_and_the_end(tokenizer):
  problems = synthetic.generate("train", 6, seed=1)
  tokens, lengths = batches_lib.encode(
    tokenizer, [(p.question, p.solution) for p in problems]
  )
  batch = batches_lib.pad(tokens, lengths, 208)
  for row, problem in enumerate(problems):
    assert set(np.unique(batch["weights"][row])) == {0.0, 1.0}
    assert _solution(tokenizer, batch, row) == problem.solution + "</s>"
    rest = batch["tokens"][row][batch["weights"][row] == 0]
    prompt = tokenizer(prompts.step_prompt(problem.question))["input_ids"]
    assert list(rest[: len(prompt)]) == prompt
    assert (rest[len(prompt) :] == tokenizer.pad_token_id).all()


def test_pad():
  batch = batches_lib.pad([[5, 6, 7], [8, 9]], [1, 1], 4)
  np.testing.assert_array_equal(batch["tokens"], [[5, 6, 7, 0], [8, 9, 0, 0]])
  np.testing.assert_array_equal(batch["weights"], [[0, 1, 1, 0], [0, 1, 0, 0]])


def test_bucket_that_is_too_short(tokenizer):
  source = batches_lib.SolutionBatches(
    tokenizer, "train", 0, 2, 1, [batches_lib.Bucket((1,), 20)]
  )
  with pytest.raises(ValueError, match=r"has \d+ tokens, its bucket holds 20"):
    source[0]


@pytest.mark.parametrize("size", ["small", "middle", "large"])
def test_config_of_the_family(size, tokenizer):
  config = train_policy.get_config(size)
  assert config.warmup_steps + config.decay_steps < config.steps
  for levels, length in config.buckets:
    drawn = [
      synthetic.problem_at("train", config.seed, index, levels)
      for index in range(60)
    ]
    tokens, _ = batches_lib.encode(
      tokenizer, [(p.question, p.solution) for p in drawn]
    )
    assert max(map(len, tokens)) <= length
    assert length <= config.architecture.max_position_embeddings
  levels = {level for levels, _ in config.buckets for level in levels}
  assert levels == set(synthetic.LEVELS)


def test_unknown_size():
  with pytest.raises(ValueError, match=r"'huge'.*large.*middle.*small"):
    train_policy.get_config("huge")


def test_sizes_are_four_times_apart(tokenizer):
  sizes = [
    compute.policy_cost(
      policy.decoder_config(
        train_policy.get_config(size).architecture, tokenizer
      )
    ).parameters
    for size in ("small", "middle", "large")
  ]
  assert 3 < sizes[1] / sizes[0] < 5
  assert 3 < sizes[2] / sizes[1] < 5
  assert isinstance(train_policy.get_config(), ml_collections.ConfigDict)
