"""Fine-tuning of a language model into a reward model on Math-Shepherd."""

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import optax

from inference_scaling import models
from inference_scaling.models import reward_formats
from inference_scaling.training import finetune, loop, settings
from inference_scaling.training.data import (
  finetune_data,
  finetune_rows,
)

REWARD_FORMAT = "llemma"


def finetune_reward(
  config: loop.Config, workdir: str | pathlib.Path
) -> models.Model:
  """Fine-tunes a reward model of the paper's format and writes its folder.

  Wu et al. train two rows of an unembedding and repeat them to the size of
  the vocabulary; the reward is the sigmoid of the mean logit. The mean of the
  two rows is one vector, and that is what is trained here: under Adam both
  rows move alike. The folder holds the vector in every row.

  Args:
    config: as configs/finetune_reward.py.
    workdir: gets checkpoints, metrics and, at the end, model/, which
      `models.load_reward_model(..., reward_format="llemma")` reads.

  Returns:
    What was written: a language model whose logits are all the log-odds that
    all is right so far.

  Raises:
    ValueError: where a key of the config is wrong.

  References:
    Wu et al., "Inference scaling laws", ICLR 2025, Table 2.
    Wang et al., "Math-Shepherd", ACL 2024, arXiv:2312.08935, equation 3.
  """
  settings.check(config, settings.Finetuning)
  model = headless(finetune.load_start(config))
  reward_format = reward_formats.make_reward_format(
    REWARD_FORMAT, model.tokenizer
  )
  rows = finetune_rows.labelled_rows(config.data.source)
  params = finetune.finetune(
    config,
    {
      "decoder": model.params,
      "score": {"kernel": jnp.zeros(model.config.hidden_size)},
    },
    make_loss(model),
    finetune_data.encode_labelled(reward_format, rows),
    workdir,
  )
  trained = with_repeated_head(model, params)
  models.save_model(trained, pathlib.Path(workdir) / "model")
  return trained


def headless(model: models.Model) -> models.Model:
  """Takes the unembedding off a model.

  Args:
    model: any language model.

  Returns:
    The same without it; only its hidden states are of use.
  """
  config = dataclasses.replace(model.config, tie_word_embeddings=True)
  params = {k: v for k, v in model.params.items() if k != "unembedding"}
  graph = finetune.remat_graph(config)
  return dataclasses.replace(model, config=config, params=params, graph=graph)


def make_loss(model: models.Model) -> finetune.SummedLoss:
  """Makes the binary cross-entropy at the steps' tags, summed.

  Args:
    model: of `headless`.

  Returns:
    A function of {"decoder", "score"} and a microbatch: nats, and how many
    steps are on the right side of one half.
  """

  def loss(
    params: loop.Parameters, batch: finetune_data.Microbatch
  ) -> tuple[jax.Array, jax.Array]:
    hidden = model.hidden(params["decoder"], batch["tokens"])
    kernel = params["score"]["kernel"].astype(jnp.float32)
    logits = jnp.sum(hidden.astype(jnp.float32) * kernel[None, None], axis=-1)
    entropy = optax.sigmoid_binary_cross_entropy(logits, batch["targets"])
    right = (logits > 0) == (batch["targets"] > 0)
    weights = batch["weights"]
    return jnp.sum(entropy * weights), jnp.sum(right * weights)

  return loss


def with_repeated_head(
  model: models.Model, params: loop.Parameters
) -> models.Model:
  """Makes the language model that a Llemma reward model is stored as.

  Args:
    model: of `headless`.
    params: {"decoder", "score"}.

  Returns:
    A model whose unembedding holds the head in each of its V rows.
  """
  config = dataclasses.replace(model.config, tie_word_embeddings=False)
  kernel = params["score"]["kernel"]
  rows = jnp.broadcast_to(kernel, (config.vocab_size, *kernel.shape))
  return dataclasses.replace(
    model,
    config=config,
    params=params["decoder"] | {"unembedding": rows},
    graph=finetune.remat_graph(config),
  )
