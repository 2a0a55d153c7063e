"""Training of the process reward model.

It starts from the largest policy, since checking a step needs what writing it
needs. The loss scores every token of a drawn solution and keeps imitating right
tokens beside it, which is where the head's likelihoods come from.
"""

import dataclasses
import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import optax
import transformers

from inference_scaling import assets, decoding, models
from inference_scaling.tasks import synthetic
from inference_scaling.training import (
  agreement,
  loop,
  reward_report,
  settings,
)
from inference_scaling.training.data import batches as batches_lib
from inference_scaling.training.data import reward_data
from inference_scaling.training.data import sampling as sampling_lib


def train_reward(
  config: loop.Config, workdir: str | pathlib.Path
) -> models.RewardModel:
  """Draws solutions, trains a reward model on them and reports on it.

  Args:
    config: as configs/train_reward.py.
    workdir: gets the drawn solutions, checkpoints, metrics, model/ and
      report/ with the ROC and calibration of each policy's steps.

  Returns:
    The trained reward model.

  Raises:
    ValueError: where a key of the config is wrong.
  """
  settings.check(config, settings.Reward)
  workdir = pathlib.Path(workdir)
  policies = {
    name: models.load_model(assets.resolve(path))
    for name, path in config.policies.items()
  }
  drawn = draw(config, policies, "train", config.train_problems, workdir)
  held_out = draw(
    config, policies, "validation", config.validation_problems, workdir
  )
  model = from_policy(policies[config.start])
  params = loop.train(
    config,
    make_loss(model, config.imitation_weight),
    model.params,
    make_batches(config, drawn, model.tokenizer),
    reward_report.make_evaluation(model, held_out, config.evaluation_size),
    workdir,
  )
  trained = dataclasses.replace(model, params=params)
  models.save_reward_model(trained, workdir / "model")
  report = {
    "policies": reward_report.draw_curves(
      trained, held_out, sorted(policies), workdir / "report"
    ),
    "labels": compare_labels(config, policies),
  }
  text = json.dumps(report, indent=2)
  (workdir / "report" / "reward.json").write_text(text + "\n", "utf-8")
  return trained


def draw(
  config: loop.Config,
  policies: dict[str, models.Model],
  split: str,
  count: int,
  workdir: pathlib.Path,
) -> reward_data.Solutions:
  """Draws labelled solutions of one split, once a folder.

  Args:
    config: `seed`, `samples_per_problem`, `num_slots` and `limits`.
    policies: by name.
    split: of the synthetic benchmark.
    count: problems.
    workdir: keeps the solutions in a file.

  Returns:
    As `reward_data.draw_solutions`.
  """
  return reward_data.draw_solutions(
    {
      name: make_sampler(config, model, config.samples_per_problem)
      for name, model in policies.items()
    },
    # A seed of its own: not the problems that the policies learned.
    synthetic.generate(split, count, config.problem_seed),
    config.seed,
    workdir / f"solutions_{split}.npz",
  )


def make_sampler(
  config: loop.Config, model: models.Model, num_samples: int
) -> sampling_lib.Sampler:
  """Makes a sampler of a policy.

  Args:
    config: `num_slots` and `limits`.
    model: the policy.
    num_samples: solutions a problem.

  Returns:
    The sampler.
  """
  limits = decoding.Limits(**config.limits)
  return sampling_lib.Sampler(model, num_samples, limits, config.num_slots)


def compare_labels(
  config: loop.Config, policies: dict[str, models.Model]
) -> dict[str, float]:
  """Compares exact labels with Math-Shepherd's, on validation problems.

  Args:
    config: as `make_sampler`, with `seed`, `start`, `agreement_problems`,
      `completions` and `problem_seed`.
    policies: by name; that of `config.start` completes.

  Returns:
    As `agreement.measure`.
  """
  problems = synthetic.generate(
    "validation", config.agreement_problems, config.problem_seed
  )
  # A step is completed from its whole text so far, which must fit the prompt.
  longer = config.copy_and_resolve_references()
  longer.limits.prompt_tokens += longer.limits.total_tokens
  return agreement.measure(
    {name: make_sampler(config, m, 1) for name, m in policies.items()},
    make_sampler(longer, policies[config.start], config.completions),
    problems,
    config.seed,
  )


def from_policy(model: models.Model) -> models.RewardModel:
  """Makes a reward model that starts as a policy.

  Args:
    model: the policy.

  Returns:
    The reward model, with a head that is not trained.
  """
  reward = models.initial_reward_model(model.config, model.tokenizer, seed=0)
  # A copy, since training donates its parameters.
  decoder = jax.tree.map(jnp.copy, model.params)
  return dataclasses.replace(
    reward, params=reward.params | {"decoder": decoder}
  )


def make_loss(
  model: models.RewardModel, imitation_weight: float
) -> loop.LossFunction:
  """Makes the loss: is all right so far, and what comes next.

  Args:
    model: what to train.
    imitation_weight: weight of the language-model loss at right tokens.

  Returns:
    A function of parameters and a batch of `RewardBatches`, giving the loss in
    nats per token and both of its parts.

  References:
    Cobbe et al., "Training verifiers to solve math word problems", 2021,
      arXiv:2110.14168, section 4.2 (the language-model loss kept beside).
  """

  def loss(
    params: loop.Parameters, batch: Any
  ) -> tuple[jax.Array, loop.Metrics]:
    tokens = batch["tokens"]
    weights = batch["reward_weights"]
    head_state = model.encode_all(params, tokens, weights > 0)
    reward_entropy = optax.sigmoid_binary_cross_entropy(
      model.reward_logits(params, head_state), batch["good"]
    )
    reward = _mean(reward_entropy, weights)
    entropy = optax.softmax_cross_entropy_with_integer_labels(
      model.unembed(params, head_state.hidden[:, :-1]), tokens[:, 1:]
    )
    imitation = _mean(entropy, batch["imitation_weights"][:, 1:])
    total = reward + imitation_weight * imitation
    return total, {"reward": reward, "imitation": imitation}

  return loss


def make_batches(
  config: loop.Config,
  drawn: reward_data.Solutions,
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> reward_data.RewardBatches:
  """Makes the training batches of a config.

  Args:
    config: `seed`, `steps`, `batch_size`, `right_batch_size`, `buckets` and
      `end_weight`.
    drawn: labelled solutions.
    tokenizer: the tokenizer.

  Returns:
    As many batches as steps.
  """
  buckets = [batches_lib.Bucket(*bucket) for bucket in config.buckets]
  right = batches_lib.SolutionBatches(
    tokenizer, "train", config.problem_seed, config.right_batch_size,
    config.steps, buckets,
  )  # fmt: skip
  return reward_data.RewardBatches(
    drawn, right, buckets, config.batch_size, config.seed, config.end_weight
  )


def _mean(values: jax.Array, weights: jax.Array) -> jax.Array:
  return jnp.sum(values * weights) / jnp.maximum(jnp.sum(weights), 1.0)
