"""Training of a policy that thinks, from one that writes steps.

References:
  Muennighoff et al., "s1: Simple test-time scaling", 2025, arXiv:2501.19393.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import assets, decoding, models
from inference_scaling.tasks import synthetic
from inference_scaling.training import loop, policy, settings
from inference_scaling.training import tokenizer as tokenizer_lib
from inference_scaling.training.data import batches as batches_lib
from inference_scaling.training.data import sampling as sampling_lib
from inference_scaling.training.data import thinking_data


def train_thinking(
  config: loop.Config, workdir: str | pathlib.Path
) -> models.Model:
  """Draws attempts of a policy and trains it to think in such.

  Args:
    config: as configs/train_thinking.py.
    workdir: gets the drawn attempts, checkpoints, metrics and, at the end,
      model/.

  Returns:
    The trained policy.

  Raises:
    ValueError: where a key of the config is wrong.
  """
  settings.check(config, settings.Thinking)
  workdir = pathlib.Path(workdir)
  start = models.load_model(assets.resolve(config.start))
  model = with_words(start, config.words)
  params = loop.train(
    config,
    policy.make_loss(model),
    model.params,
    make_batches(
      config, start, model, "train", config.train_problems, config.batch_size,
      config.steps, workdir,
    ),
    _make_evaluation(config, start, model, workdir),
    workdir,
  )  # fmt: skip
  trained = dataclasses.replace(model, params=params)
  models.save_model(trained, workdir / "model")
  return trained


def with_words(model: models.Model, words: Sequence[str]) -> models.Model:
  """Gives an embedded policy words that are one token each.

  Args:
    model: with the tokenizer of the embedded family.
    words: new ones.

  Returns:
    The policy with a larger vocabulary; each new word has the mean of all
    others' embeddings.
  """
  tokenizer = tokenizer_lib.build_tokenizer(words)
  table = model.params["embedding"]
  new = jnp.broadcast_to(table.mean(axis=0), (len(words), table.shape[1]))
  config = dataclasses.replace(model.config, vocab_size=len(tokenizer))
  graph = models.initial_model(config, tokenizer, seed=0).graph
  params = model.params | {"embedding": jnp.concatenate([table, new])}
  return dataclasses.replace(
    model, config=config, params=params, tokenizer=tokenizer, graph=graph
  )


def make_batches(
  config: loop.Config,
  start: models.Model,
  model: models.Model,
  split: str,
  count: int,
  batch_size: int,
  num_batches: int,
  workdir: pathlib.Path,
) -> thinking_data.ThinkingBatches:
  """Makes batches of texts in which a policy thinks.

  Args:
    config: of the training.
    start: draws the attempts, once a folder.
    model: reads the texts.
    split: of the synthetic benchmark.
    count: problems.
    batch_size: texts of a batch.
    num_batches: how many.
    workdir: keeps the attempts.

  Returns:
    The batches.
  """
  # A seed of its own: not the problems that the policy learned.
  problems = synthetic.generate(split, count, config.problem_seed)
  sampler = sampling_lib.Sampler(
    start, config.samples_per_problem, decoding.Limits(**config.limits),
    config.num_slots,
  )  # fmt: skip
  drawn = thinking_data.draw_attempts(
    sampler, problems, config.seed, workdir / f"attempts_{split}.jsonl"
  )
  return thinking_data.ThinkingBatches(
    model.tokenizer,
    thinking_data.Texts(**config.texts),
    problems,
    drawn,
    [batches_lib.Bucket(*bucket) for bucket in config.buckets],
    batch_size,
    num_batches,
    config.seed,
    config.most_attempts,
    config.cut,
  )


def _make_evaluation(
  config: loop.Config,
  start: models.Model,
  model: models.Model,
  workdir: pathlib.Path,
) -> loop.Evaluation:
  """Makes the loss on texts of the validation split, by bucket of levels."""
  batches = make_batches(
    config, start, model, "validation", config.validation_problems,
    config.validation_problems, len(config.buckets), workdir,
  )  # fmt: skip
  loss = jax.jit(policy.make_loss(model))

  def evaluate(params: loop.Parameters) -> dict[str, float]:
    metrics = {}
    for index, (levels, _) in enumerate(config.buckets):
      value, _ = loss(params, batches[index])
      name = "-".join(str(level) for level in levels)
      metrics[f"loss_{name}"] = float(np.asarray(value))
    return metrics

  return evaluate
