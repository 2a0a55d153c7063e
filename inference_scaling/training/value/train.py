"""Trains a value head: from the solutions of a sweep to a reward model.

Each token of a drawn solution is labelled with whether the solution's answer is
correct, so that the head learns how often a solution that goes on from here
ends correctly. The policy stays frozen; its hidden states are computed once.

References:
  Cobbe et al., "Training verifiers to solve math word problems", 2021,
    arXiv:2110.14168.
  Yu et al., "OVM, outcome-supervised value models for planning in mathematical
    reasoning", 2023, arXiv:2311.09724.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging
from flax import nnx

from inference_scaling import models, names
from inference_scaling.models.checkpoints import digest
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats
from inference_scaling.models.rewards import value_file, value_head
from inference_scaling.training import loop, settings
from inference_scaling.training.value import batches as batches_lib
from inference_scaling.training.value import (
  evaluation,
  hidden_states,
)
from inference_scaling.training.value import solutions as solutions_lib

# Tokens that are scored at once in an evaluation.
_BLOCK = 8192


def train_value(config: loop.Config, workdir: str | pathlib.Path) -> None:
  """Trains a value head and reports what it is worth.

  Args:
    config: as configs/train_value.py.
    workdir: gets hidden_states/, a folder of checkpoints and metrics for each
      choice of solutions and hyperparameters, model/ and report/.

  Raises:
    FileNotFoundError: where draws or the policy are missing.
    ValueError: where a key of the config is wrong, the draws are of another
      policy or of one kind alone, the policy lacks a layer, or the folder holds
      hidden states of another making.
  """
  settings.check(config, settings.Value)
  workdir = pathlib.Path(workdir)
  layers = tuple(config.layers)
  opened = models.open_checkpoint(config.source)
  opened.require()
  value_head.body_config(opened.config, layers)  # that there are such
  sha256 = digest.sha256(opened, config.source)
  prompt = check_draws(config, sha256)
  tokenizer = opened.tokenizer()
  problems = solutions_lib.read(
    config.draws, config.policy, tokenizer, tuple(config.step_end)
  )
  learned, held_out = solutions_lib.hold_out(
    problems, config.held_out, config.seed
  )
  _count("Learned from", learned)
  _count("Held out", held_out)
  folder = workdir / "hidden_states"
  dtype = config.dtype
  if dtype == names.AUTO:
    dtype = formats.fastest(hardware.of_mesh(None))
  made_of = {
    "policy": sha256, "layers": list(layers), "prompt": prompt, "dtype": dtype,
  }  # fmt: skip
  hidden_states.check(folder, made_of, problems)
  model = models.load_model(config.source, dtype=dtype)
  hidden_states.begin(folder, made_of)
  hidden_states.compute(model, layers, problems, folder, dtype)
  description = value_file.Description(
    body=config.source,
    body_sha256=sha256,
    layers=layers,
    hidden_size=opened.config.hidden_size,
    width=config.width,
    vocabulary_sha256=value_file.vocabulary_sha256(tokenizer),
  )
  # Checkpoints of other solutions would have learned what is held out now.
  fitted = workdir / "fits" / _digest(config, description, learned)
  weights = fit(config, description, learned, held_out, folder, fitted)
  value_file.save(workdir / "model", description, weights)
  report(config, description, weights, held_out, folder, workdir / "report")


def check_draws(config: loop.Config, sha256: str) -> Any:
  """Checks that the solutions were drawn by the policy; returns their prompt.

  Args:
    config: `draws` and `policy`.
    sha256: of the policy's files.

  Returns:
    `config.prompt` of the sweep that drew them, JSON data.

  Raises:
    ValueError: where another checkpoint drew them.
  """
  content = solutions_lib.read_config(config.draws)
  drawn_by = {
    name: details
    for name, details in dict(content.get("policies") or {}).items()
    if isinstance(details, dict)
  }
  if config.policy not in drawn_by:
    raise ValueError(
      f"config.policy is {config.policy!r}, but the policies of the sweep in "
      f"{config.draws} are {', '.join(sorted(drawn_by))}; expected one of them."
    )
  drawn = drawn_by[config.policy].get("sha256")
  if drawn != sha256:
    raise ValueError(
      f"the solutions in {config.draws} were drawn by a policy of digest "
      f"{drawn}, but config.source, {config.source}, has {sha256}; a head is "
      "trained on what its own body has written. Give the same checkpoint, or "
      "draw solutions of this one."
    )
  return content["config"]["prompt"]


def fit(
  config: loop.Config,
  description: value_file.Description,
  learned: Sequence[solutions_lib.Problem],
  held_out: Sequence[solutions_lib.Problem],
  folder: pathlib.Path,
  workdir: pathlib.Path,
) -> dict[str, np.ndarray]:
  """Trains the head on stored hidden states.

  Args:
    config: `steps`, `batch_size`, `learning_rate`, `weight_decay`, `seed` and
      what `loop.run` reads.
    description: of the head.
    learned: problems to learn from.
    held_out: problems for the metrics.
    folder: of the hidden states.
    workdir: gets checkpoints and metrics.

  Returns:
    The head's weights, float32, which read hidden states as they are.
  """
  batches = batches_lib.TokenBatches(config, learned, folder)
  head = value_head.ValueHead(
    description.features, description.width, nnx.Rngs(config.seed)
  )
  graph, state = nnx.split(head)
  schedule = optax.schedules.cosine_decay_schedule(
    config.learning_rate, config.steps
  )
  optimizer = optax.adamw(schedule, weight_decay=config.weight_decay)
  params: Any = nnx.to_pure_dict(state)

  def loss(params: Any, batch: Any) -> jax.Array:
    logits = nnx.merge(graph, params)(batch["hidden"])
    return optax.sigmoid_binary_cross_entropy(logits, batch["label"]).mean()

  def update(state: loop.State, batch: Any) -> tuple[loop.State, loop.Metrics]:
    value, gradients = jax.value_and_grad(loss)(state["params"], batch)
    changes, moments = optimizer.update(
      gradients, state["optimizer"], state["params"]
    )
    params = optax.apply_updates(state["params"], changes)
    return {"params": params, "optimizer": moments}, {"loss": value}

  def evaluate(params: Any) -> dict[str, float]:
    weights = batches.unscaled(params)
    scored = score(description, weights, held_out, folder)
    areas = evaluation.evaluate(scored, config.seed, resamples=0)
    solution = areas["solution"]["value"]
    return {
      "step_area": areas["step"]["value"]["area"],
      "solution_area": solution["area"],
      "within_area": solution.get("within", float("nan")),
    }

  start = {"params": params, "optimizer": optimizer.init(params)}
  step = jax.jit(update, donate_argnums=0)
  trained = loop.run(config, start, step, batches, evaluate, workdir)
  return batches.unscaled(trained)


def score(
  description: value_file.Description,
  weights: dict[str, np.ndarray],
  problems: Sequence[solutions_lib.Problem],
  folder: pathlib.Path,
) -> list[evaluation.Scored]:
  """Scores all tokens of the solutions of problems.

  Args:
    description: of the head.
    weights: of the head.
    problems: with their solutions.
    folder: of the hidden states.

  Returns:
    The problems with the scores.
  """
  head = value_head.ValueHead(
    description.features, description.width, nnx.Rngs(0)
  )
  graph, _ = nnx.split(head)
  read = jax.jit(lambda w, x: jax.nn.sigmoid(nnx.merge(graph, w)(x)))
  scored = []
  for problem in problems:
    states = hidden_states.load(folder, problem)
    count = len(states.hidden)
    padded = np.zeros((-(-count // _BLOCK) * _BLOCK, description.features))
    padded[:count] = states.hidden
    rewards = [
      np.asarray(read(weights, jnp.asarray(block, jnp.float32)))
      for block in padded.reshape(-1, _BLOCK, description.features)
    ]
    scored.append(
      evaluation.Scored(problem, np.concatenate(rewards)[:count], states.likely)
    )
  return scored


def report(
  config: loop.Config,
  description: value_file.Description,
  weights: dict[str, np.ndarray],
  held_out: Sequence[solutions_lib.Problem],
  folder: pathlib.Path,
  output: pathlib.Path,
) -> None:
  """Writes value.json and value.png on held-out problems.

  Args:
    config: `seed`.
    description: of the head.
    weights: of the head.
    held_out: the problems.
    folder: of their hidden states.
    output: created where missing.
  """
  output.mkdir(parents=True, exist_ok=True)
  scored = score(description, weights, held_out, folder)
  measured = evaluation.evaluate(scored, config.seed)
  text = json.dumps(measured, indent=2)
  (output / "value.json").write_text(text + "\n", "utf-8")
  evaluation.draw(scored, output / "value.png")
  for part in ("step", "solution"):
    for name, area in measured[part].items():
      logging.info("Area by %s, %s: %s", part, name, area)


def _digest(
  config: loop.Config,
  description: value_file.Description,
  learned: Sequence[solutions_lib.Problem],
) -> str:
  """A name for what a fit depends on; equal ones go on from each other."""
  made_of = {
    "config": config.to_dict(),
    "description": dataclasses.asdict(description),
    "learned": [dataclasses.asdict(problem) for problem in learned],
  }
  text = json.dumps(made_of, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _count(what: str, problems: Sequence[solutions_lib.Problem]) -> None:
  labels = [s.correct for p in problems for s in p.solutions]
  logging.info(
    "%s: %d problems, %d solutions, %.1f%% of them correct.",
    what, len(problems), len(labels), 100 * np.mean(labels),
  )  # fmt: skip
