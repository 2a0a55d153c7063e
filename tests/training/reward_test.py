import functools
import importlib

import jax
import numpy as np
import optax
import pytest

from inference_scaling import assets, models
from inference_scaling.tasks import extract_answer, synthetic
from inference_scaling.training import (
  agreement,
  reward,
)
from inference_scaling.training.data import (
  labels,
  reward_data,
)
from inference_scaling.training.data import sampling as sampling_lib

PROBLEMS = synthetic.generate("validation", 6, seed=11, levels=(1, 2))


def config():
  made = importlib.import_module("configs.train_reward").get_config()
  made.num_slots = 2
  made.steps = 4
  made.batch_size = made.right_batch_size = 4
  made.buckets = (((1, 2), 112),)
  return made


@functools.cache
def policy() -> models.Model:
  return models.load_model(assets.resolve("embedded/policy_small"))


@functools.cache
def sampler() -> sampling_lib.Sampler:
  return reward.make_sampler(config(), policy(), 2)


@functools.cache
def drawn():
  return dict(sampler().solve(PROBLEMS, seed=5))


@pytest.fixture(scope="module")
def solutions(tmp_path_factory):
  path = tmp_path_factory.mktemp("drawn") / "solutions.npz"
  draw = functools.partial(
    reward_data.draw_solutions, {"small": sampler()}, PROBLEMS, 5, path
  )
  first, again = draw(), draw()
  assert path.is_file()
  jax.tree.map(np.testing.assert_array_equal, first, again)
  return first


def test_the_sampler_gives_each_problem_its_solutions():
  assert sorted(drawn()) == [problem.id for problem in PROBLEMS]
  for result in drawn().values():
    assert len(result) == 2
    for solution in result:
      flat = [token for step in solution.step_tokens for token in step]
      assert policy().tokenizer.decode(flat) == solution.text
      assert len(solution.step_texts) == len(solution.step_tokens) > 0
  texts = [solution.text for result in drawn().values() for solution in result]
  assert any(extract_answer(text) for text in texts)


def test_drawn_solutions_carry_the_labels_of_their_steps(solutions):
  wanted = [
    label
    for problem in PROBLEMS
    for solution in drawn()[problem.id]
    for label in labels.exact_labels(problem, solution.step_texts)
  ]
  got = solutions["good"][solutions["ends"]]
  assert sorted(got) == sorted(wanted)
  assert len(solutions["lengths"]) == 2 * len(PROBLEMS)
  assert {True, False} == set(got.tolist())


def test_a_reward_model_starts_as_its_policy():
  model = reward.from_policy(policy())
  tokens = np.arange(24).reshape(2, 12) + 10
  np.testing.assert_array_equal(
    model.logits(model.params, tokens), policy().logits(policy().params, tokens)
  )


def test_weights_of_a_batch(solutions):
  batches = reward.make_batches(config(), solutions, policy().tokenizer)
  batch, again = batches[2], batches[2]
  jax.tree.map(np.testing.assert_array_equal, batch, again)
  assert batch["tokens"].shape == (8, 112)
  drawn_weights, right_weights = np.split(batch["reward_weights"], 2)
  assert set(np.unique(drawn_weights)) == {0.0, 1.0, config().end_weight}
  assert not right_weights.any()
  # Only right tokens are imitated, and every right solution is.
  assert batch["imitation_weights"][4:].any(axis=1).all()
  wrong = (batch["reward_weights"][:4] > 0) & (batch["good"][:4] == 0)
  assert not batch["imitation_weights"][:4][wrong].any()


def test_training_lowers_the_loss(solutions):
  model = reward.from_policy(policy())
  loss = reward.make_loss(model, imitation_weight=1.0)
  batch = reward.make_batches(config(), solutions, model.tokenizer)[0]
  optimizer = optax.adam(3e-4)

  @jax.jit
  def update(params, state):
    (value, _), gradients = jax.value_and_grad(loss, has_aux=True)(
      params, batch
    )
    changes, state = optimizer.update(gradients, state)
    return optax.apply_updates(params, changes), state, value

  params, state = model.params, optimizer.init(model.params)
  values = []
  for _ in range(8):
    params, state, value = update(params, state)
    values.append(float(value))
  assert values[-1] < 0.8 * values[0]


def test_rollout_labels_and_their_agreement():
  problems = PROBLEMS[:3]
  result = agreement.measure({"small": sampler()}, sampler(), problems, seed=5)
  first = [drawn()[problem.id][0] for problem in problems]
  assert result["steps"] == sum(len(s.step_tokens) for s in first)
  assert result["completions"] == 2
  assert 0 <= result["agreement"] <= 1
  rolled = labels.rollout_labels(sampler(), first, problems, seed=5)
  for solution, problem, row in zip(first, problems, rolled, strict=True):
    assert len(row) == len(solution.step_tokens)
    assert row[-1] == (extract_answer(solution.text) == problem.gold)
