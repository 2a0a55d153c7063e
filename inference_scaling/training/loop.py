"""The training loop: steps, checkpoints, metrics; resumes exactly.

Of several processes all write checkpoints, each its part, into a folder that
they share; the first alone writes metrics.
"""

import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import grain
import jax
import optax
import orbax.checkpoint as ocp
from absl import logging

from inference_scaling import json_lines

# An ml_collections.ConfigDict: its fields have the types that configs/ give
# them, which ConfigDict does not know.
Config = Any
Parameters = Any
Metrics = dict[str, jax.Array]
LossFunction = Callable[[Parameters, Any], tuple[jax.Array, Metrics]]
State = dict[str, Any]  # "params" and "optimizer"
Update = Callable[[State, Any], tuple[State, Metrics]]
Evaluation = Callable[[Parameters], dict[str, float]]


def train(
  config: Config,
  loss: LossFunction,
  params: Parameters,
  batches: grain.sources.RandomAccessDataSource,
  evaluate: Evaluation,
  workdir: str | pathlib.Path,
) -> Parameters:
  """Trains from the last checkpoint in the folder, or from the start.

  Args:
    config: `steps`, `checkpoint_every`, `evaluate_every`, and the optimizer's
      hyperparameters (see `make_optimizer`).
    loss: of parameters and a batch; returns a scalar and metrics.
    params: the initial parameters.
    batches: element `i` is the batch of step `i`.
    evaluate: returns metrics of parameters on held-out data.
    workdir: gets checkpoints/ and metrics.jsonl.

  Returns:
    The parameters after the last step.

  Raises:
    FloatingPointError: where the loss is no number.
    ValueError: where the rate's schedule does not fit into the steps.
  """
  optimizer = make_optimizer(config)
  state = {"params": params, "optimizer": optimizer.init(params)}
  update = jax.jit(_make_update(loss, optimizer), donate_argnums=0)
  return run(config, state, update, batches, evaluate, workdir)


def run(
  config: Config,
  state: State,
  update: Update,
  batches: grain.sources.RandomAccessDataSource,
  evaluate: Evaluation,
  workdir: str | pathlib.Path,
) -> Parameters:
  """Takes steps from the last checkpoint in the folder, or from the start.

  Args:
    config: `steps`, `checkpoint_every` and `evaluate_every`.
    state: before the first step; a checkpoint is restored to its shardings.
    update: makes one step of a state and a batch; may use up the state.
    batches: element `i` is the batch of step `i`.
    evaluate: returns metrics of parameters on held-out data.
    workdir: gets checkpoints/ and metrics.jsonl.

  Returns:
    The parameters after the last step.

  Raises:
    FloatingPointError: where the loss is no number.
  """
  workdir = pathlib.Path(workdir).absolute()
  workdir.mkdir(parents=True, exist_ok=True)
  options = ocp.CheckpointManagerOptions(
    save_interval_steps=config.checkpoint_every, max_to_keep=2
  )
  with ocp.CheckpointManager(workdir / "checkpoints", options=options) as saved:
    start = saved.latest_step() or 0
    if start:
      template = jax.tree.map(_abstract, state)
      for leaf in jax.tree.leaves(state):
        leaf.delete()  # so that the state is never held twice
      state = saved.restore(start, args=ocp.args.StandardRestore(template))
      logging.info("Resumed %s at step %d.", workdir, start)
    _drop_rows_after(start, workdir)
    begin = time.time()
    for step, batch in enumerate(_iterate(batches, start), start=start + 1):
      state, metrics = update(state, batch)
      if saved.should_save(step):
        _check(float(metrics["loss"]), step, workdir)
      if step % config.evaluate_every == 0 or step == config.steps:
        metrics = {k: float(v) for k, v in metrics.items()}
        _check(metrics["loss"], step, workdir)
        metrics |= evaluate(state["params"])
        _log(workdir, step, time.time() - begin, metrics)
      saved.save(
        step, args=ocp.args.StandardSave(state), force=step == config.steps
      )
  return state["params"]


def make_optimizer(
  config: Config,
) -> optax.GradientTransformation:
  """Makes Muon for the matrices of the layers, Adam for the rest.

  On the synthetic solutions Muon reached in 300 steps the loss that AdamW
  reached in more than 500, at the same time a step. The rate rises, stays, and
  falls to zero: a run can be lengthened from any checkpoint of the stay.

  Args:
    config: `steps`, `warmup_steps`, `decay_steps`, `learning_rate`.

  Returns:
    The transformation.

  Raises:
    ValueError: where warm-up and decay need more than all steps.

  References:
    Jordan et al., "Muon: an optimizer for hidden layers", 2024.
    Hu et al., "MiniCPM", 2024, arXiv:2404.06395, section 4.
  """
  stay = config.steps - config.warmup_steps - config.decay_steps
  if stay < 0:
    raise ValueError(
      f"steps is {config.steps}; warmup_steps, {config.warmup_steps}, and "
      f"decay_steps, {config.decay_steps}, do not fit into that."
    )
  schedule = optax.schedules.join_schedules(
    [
      optax.schedules.linear_schedule(
        0.0, config.learning_rate, config.warmup_steps
      ),
      optax.schedules.constant_schedule(config.learning_rate),
      optax.schedules.linear_schedule(
        config.learning_rate, 0.0, config.decay_steps
      ),
    ],
    [config.warmup_steps, config.warmup_steps + stay],
  )
  return optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.contrib.muon(
      schedule, muon_weight_dimension_numbers=_muon_matrices, adam_b2=0.98
    ),
  )


def _muon_matrices(params: Parameters) -> Any:
  """Marks the weights of the layers; embeddings, norms and heads use Adam."""

  def mark(path: tuple[Any, ...], _: jax.Array) -> Any:
    names = [getattr(key, "key", None) for key in path]
    hidden = "layers" in names and names[-1] == "weight"
    # They are [out, in].
    matrix = optax.contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=0)
    return matrix if hidden else None

  return jax.tree_util.tree_map_with_path(mark, params)


def _abstract(leaf: jax.Array) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _make_update(
  loss: LossFunction, optimizer: optax.GradientTransformation
) -> Update:
  def update(state: State, batch: Any) -> tuple[State, Metrics]:
    (value, metrics), gradients = jax.value_and_grad(loss, has_aux=True)(
      state["params"], batch
    )
    changes, optimizer_state = optimizer.update(
      gradients, state["optimizer"], state["params"]
    )
    params = optax.apply_updates(state["params"], changes)
    metrics = {"loss": value, **metrics}
    return {"params": params, "optimizer": optimizer_state}, metrics

  return update


def _iterate(
  batches: grain.sources.RandomAccessDataSource, start: int
) -> Iterator[Any]:
  """Reads batches ahead in one thread, from `start` on."""
  dataset = grain.MapDataset.source(batches)[start:]
  options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)
  return iter(dataset.to_iter_dataset(options))


def _check(loss: float, step: int, workdir: pathlib.Path) -> None:
  if not loss < float("inf"):
    raise FloatingPointError(
      f"the loss is {loss} at step {step} in {workdir}; lower learning_rate "
      "and start again from an earlier checkpoint."
    )


def _drop_rows_after(step: int, workdir: pathlib.Path) -> None:
  """Drops the metrics of steps that will be done again, and a cut line."""
  path = workdir / "metrics.jsonl"
  if jax.process_index() > 0 or not path.is_file():
    return
  rows = [row for _, row in json_lines.read(path)]
  kept = [row for row in rows if row["step"] <= step]
  json_lines.rewrite(path, (f"{json.dumps(row)}\n".encode() for row in kept))


def _log(
  workdir: pathlib.Path, step: int, seconds: float, metrics: dict[str, float]
) -> None:
  row = {"step": step, "seconds": round(seconds, 1)}
  row |= {name: round(value, 5) for name, value in metrics.items()}
  logging.info("%s", row)
  if jax.process_index() > 0:
    return
  with (workdir / "metrics.jsonl").open("a", encoding="utf-8") as file:
    file.write(json.dumps(row) + "\n")
