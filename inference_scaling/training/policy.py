"""Supervised training of a policy on step-by-step solutions."""

import pathlib
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import transformers

from inference_scaling import models
from inference_scaling.training import loop, settings
from inference_scaling.training import tokenizer as tokenizer_lib
from inference_scaling.training.data import batches as batches_lib


def train_policy(
  config: loop.Config, workdir: str | pathlib.Path
) -> models.Model:
  """Trains one policy and writes it as a checkpoint folder.

  Args:
    config: as configs/train_policy.py.
    workdir: gets checkpoints, metrics and, at the end, model/.

  Returns:
    The trained policy.

  Raises:
    ValueError: where a key of the config is wrong.
  """
  settings.check(config, settings.Policy)
  tokenizer = tokenizer_lib.build_tokenizer()
  architecture = decoder_config(config.architecture, tokenizer)
  model = models.initial_model(architecture, tokenizer, config.seed)
  data = make_batches(config, tokenizer)
  params = loop.train(
    config,
    make_loss(model),
    model.params,
    data,
    make_evaluation(config, model),
    workdir,
  )
  trained = models.Model(architecture, params, tokenizer, model.graph)
  models.save_model(trained, pathlib.Path(workdir) / "model")
  return trained


def decoder_config(
  architecture: loop.Config, tokenizer: transformers.PreTrainedTokenizerFast
) -> models.DecoderConfig:
  """Completes an architecture with the vocabulary and marks of a tokenizer.

  Args:
    architecture: the other fields of `DecoderConfig`.
    tokenizer: the tokenizer.

  Returns:
    The architecture.
  """
  return models.DecoderConfig(
    vocab_size=len(tokenizer),
    eos_token_ids=(cast(int, tokenizer.eos_token_id),),
    bos_token_id=cast(int, tokenizer.bos_token_id),
    **architecture.to_dict(),
  )


def make_batches(
  config: loop.Config, tokenizer: transformers.PreTrainedTokenizerFast
) -> batches_lib.SolutionBatches:
  """Makes the training batches of a config.

  Args:
    config: `seed`, `batch_size`, `steps` and `buckets`.
    tokenizer: the tokenizer.

  Returns:
    As many batches as steps.
  """
  buckets = [batches_lib.Bucket(*bucket) for bucket in config.buckets]
  return batches_lib.SolutionBatches(
    tokenizer, "train", config.seed, config.batch_size, config.steps, buckets
  )


def make_loss(model: models.Model) -> loop.LossFunction:
  """Makes the mean cross-entropy of the solutions' tokens.

  Args:
    model: what to train.

  Returns:
    A function of parameters and a batch, giving the loss in nats per token and
    the metric `exact`: the share of solutions in which every token is the
    most likely one.
  """

  def loss(
    params: loop.Parameters, batch: Any
  ) -> tuple[jax.Array, loop.Metrics]:
    tokens, weights = batch["tokens"], batch["weights"][:, 1:]
    logits = model.logits(params, tokens[:, :-1])
    entropy = optax.softmax_cross_entropy_with_integer_labels(
      logits, tokens[:, 1:]
    )
    right = (logits.argmax(-1) == tokens[:, 1:]) | (weights == 0)
    exact = jnp.mean(right.all(-1).astype(jnp.float32))
    return jnp.sum(entropy * weights) / jnp.sum(weights), {"exact": exact}

  return loss


def make_evaluation(
  config: loop.Config, model: models.Model
) -> loop.Evaluation:
  """Makes the evaluation on the validation split.

  Args:
    config: `seed`, `evaluation_batch_size` and `buckets`.
    model: the model that is trained.

  Returns:
    A function of parameters, giving loss, exactness and the probability of the
    whole right solution (which is the accuracy of a sample at temperature 1)
    for each bucket of levels.
  """
  buckets = [batches_lib.Bucket(*bucket) for bucket in config.buckets]
  source = batches_lib.SolutionBatches(
    model.tokenizer, "validation", config.seed,
    config.evaluation_batch_size, len(buckets), buckets,
  )  # fmt: skip
  held_out = [source[index] for index in range(len(buckets))]

  @jax.jit
  def score(params: loop.Parameters, batch: Any) -> tuple[jax.Array, jax.Array]:
    tokens, weights = batch["tokens"], batch["weights"][:, 1:]
    logits = model.logits(params, tokens[:, :-1])
    entropy = optax.softmax_cross_entropy_with_integer_labels(
      logits, tokens[:, 1:]
    )
    total = jnp.sum(entropy * weights, axis=-1)
    return jnp.sum(total) / jnp.sum(weights), jnp.mean(jnp.exp(-total))

  def evaluate(params: loop.Parameters) -> dict[str, float]:
    metrics = {}
    for bucket, batch in zip(buckets, held_out, strict=True):
      value, sampled = score(params, batch)
      name = "-".join(str(level) for level in bucket.levels)
      metrics[f"loss_{name}"] = float(np.asarray(value))
      metrics[f"sampled_{name}"] = float(np.asarray(sampled))
    return metrics

  return evaluate
