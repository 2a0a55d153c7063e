"""Supervised fine-tuning of a published policy on MetaMath."""

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import optax

from inference_scaling import models, tasks
from inference_scaling.training import finetune, loop, settings
from inference_scaling.training.data import (
  finetune_data,
  finetune_rows,
)


def finetune_policy(
  config: loop.Config, workdir: str | pathlib.Path
) -> models.Model:
  """Fine-tunes a policy on solutions in steps and writes its folder.

  Args:
    config: as configs/finetune_policy.py.
    workdir: gets checkpoints, metrics and, at the end, model/.

  Returns:
    The policy.

  Raises:
    ValueError: where a key of the config is wrong.

  References:
    Wu et al., "Inference scaling laws", ICLR 2025, Table 2.
    Yu et al., "MetaMath", ICLR 2024, arXiv:2309.12284.
  """
  settings.check(config, settings.Finetuning)
  model = finetune.load_start(config)
  rows = finetune_rows.solved_rows(config.data.source, config.data.types)
  texts = [(tasks.step_prompt(row.question), row.solution) for row in rows]
  end = model.config.eos_token_ids[0]
  params = finetune.finetune(
    config,
    model.params,
    make_loss(model),
    finetune_data.encode_solved(model.tokenizer, texts, end),
    workdir,
  )
  trained = dataclasses.replace(model, params=params)
  models.save_model(trained, pathlib.Path(workdir) / "model")
  return trained


def make_loss(model: models.Model) -> finetune.SummedLoss:
  """Makes the cross-entropy of the solutions' tokens, summed.

  Args:
    model: what to train.

  Returns:
    A function of parameters and a microbatch: nats, and how many tokens are
    the most likely ones.
  """

  def loss(
    params: loop.Parameters, batch: finetune_data.Microbatch
  ) -> tuple[jax.Array, jax.Array]:
    targets, weights = batch["tokens"][:, 1:], batch["weights"][:, 1:]
    logits = model.logits(params, batch["tokens"][:, :-1])
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    right = jax.lax.stop_gradient(logits).argmax(-1) == targets
    return jnp.sum(entropy * weights), jnp.sum(right * weights)

  return loss
