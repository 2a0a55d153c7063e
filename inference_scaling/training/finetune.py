"""Fine-tuning of published models: full parameters, sharded, accumulated.

What Table 2 of the paper states is in the configs. It does not state the
optimizer's other hyperparameters; this module takes AdamW with b1 = 0.9 and
b2 = 0.95, no weight decay, gradients clipped at norm 1, a rate that rises over
the first 3% of the steps and falls to zero along a cosine.

Weights, gradients and AdamW's two moments are float32, 16 bytes a weight, and
are split over the whole mesh; in bfloat16 only the products are computed. The
backward pass rematerialises the activations of each layer (remat).
"""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from inference_scaling import models
from inference_scaling.models import sharding
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.training import loop
from inference_scaling.training.data import finetune_data

# Of parameters and a microbatch: the sum of the loss over the tokens that
# count, and how many of these the model gets right.
SummedLoss = Callable[
  [loop.Parameters, finetune_data.Microbatch], tuple[jax.Array, jax.Array]
]


def load_start(config: loop.Config) -> models.Model:
  """Loads the model that a run starts from, split as it will be trained.

  Args:
    config: `start`, a checkpoint, `dtype`, and what `make_mesh` needs.

  Returns:
    The model, in float32, whose layers are rematerialised. No device holds
    more of it than its shards.

  Raises:
    FileNotFoundError: as `models.load_model`.
    ValueError: as `models.load_model` and `make_mesh`; where there is no such
      dtype.
  """
  if config.dtype not in models.FLOAT_DTYPES:
    raise ValueError(
      f"dtype is {config.dtype!r}; expected one of "
      f"{', '.join(models.FLOAT_DTYPES)}: quantised weights are not trained."
    )
  model = models.load_model(
    config.start, mesh=make_mesh(config), rules=sharding.TRAINING_RULES
  )
  return dataclasses.replace(model, graph=remat_graph(model.config))


def remat_graph(config: models.DecoderConfig) -> nnx.GraphDef:
  """Makes the structure of a decoder whose layers are rematerialised.

  Args:
    config: the architecture.

  Returns:
    For `Model.graph`.
  """
  return nnx.split(
    nnx.eval_shape(lambda: decoder_lib.Decoder(config, nnx.Rngs(0), remat=True))
  )[0]


def finetune(
  config: loop.Config,
  params: loop.Parameters,
  loss: SummedLoss,
  rows: Sequence[finetune_data.Encoded],
  workdir: str | pathlib.Path,
) -> loop.Parameters:
  """Trains parameters on rows, for some epochs.

  Args:
    config: as configs/finetune_policy.py.
    params: to start from; they are used up.
    loss: of parameters and a microbatch.
    rows: encoded texts; those longer than `max_length` are left out.
    workdir: gets checkpoints and metrics.

  Returns:
    The parameters after the last step, in float32.

  Raises:
    FloatingPointError: where the loss is no number.
    ValueError: where config, mesh and rows do not go together.
  """
  rows = finetune_data.keep_short(rows, config.max_length)
  learned, held_out = finetune_data.hold_out(rows, config.held_out, config.seed)
  steps = math.floor(config.epochs * len(learned) / config.batch_size)
  if steps < 1:
    raise ValueError(
      f"{config.epochs} epochs of {len(learned)} rows are no batch of "
      f"batch_size = {config.batch_size}; lower it."
    )
  logging.info("%d steps over %d rows.", steps, len(learned))
  config = config.copy_and_resolve_references()
  with config.unlocked():
    config.steps = steps
  mesh = make_mesh(config)
  optimizer = make_adamw(config)
  state = start_state(params, optimizer, mesh)
  loss = _cast_before(loss, jnp.dtype(config.dtype))
  return loop.run(
    config,
    state,
    make_update(loss, optimizer, mesh),
    finetune_data.RowBatches(
      learned, config.batch_size, config.microbatch_size, steps, config.seed
    ),
    make_evaluation(
      loss,
      finetune_data.microbatches(held_out, config.microbatch_size),
      mesh,
    ),
    workdir,
  )


def make_mesh(config: loop.Config) -> Mesh | None:
  """Makes the mesh of a config, None for one device.

  Args:
    config: `mesh`, sizes of data and model, and `microbatch_size`.

  Returns:
    The mesh.

  Raises:
    ValueError: where it does not match the devices or the rows.
  """
  data, model = config.mesh.data, config.mesh.model
  if config.microbatch_size % data:
    raise ValueError(
      f"microbatch_size is {config.microbatch_size}, which the mesh axis "
      f"'data' of size {data} does not divide."
    )
  return None if data == model == 1 else models.make_mesh(data, model)


def make_adamw(
  config: loop.Config,
) -> optax.GradientTransformation:
  """Makes AdamW with a warm-up and a cosine.

  Args:
    config: `steps`, `learning_rate`, `warmup_fraction`, `weight_decay` (of
      matrices only) and `clip_norm`.

  Returns:
    The transformation.

  References:
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019,
      arXiv:1711.05101.
  """
  warmup = math.ceil(config.warmup_fraction * config.steps)
  schedule = optax.schedules.warmup_cosine_decay_schedule(
    init_value=config.learning_rate / (warmup + 1),
    peak_value=config.learning_rate,
    warmup_steps=warmup,
    decay_steps=max(config.steps, warmup + 1),
  )
  return optax.chain(
    optax.clip_by_global_norm(config.clip_norm),
    optax.adamw(
      schedule, b1=0.9, b2=0.95, eps=1e-8, weight_decay=config.weight_decay,
      mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params),
    ),
  )  # fmt: skip


def start_state(
  params: loop.Parameters,
  optimizer: optax.GradientTransformation,
  mesh: Mesh | None,
) -> loop.State:
  """Lays parameters and the optimizer's moments out on a mesh.

  Args:
    params: nested dict of float32 arrays.
    optimizer: the optimizer.
    mesh: of `make_mesh`.

  Returns:
    The state before the first step.
  """
  if mesh is None:
    return {"params": params, "optimizer": optimizer.init(params)}
  rules = sharding.TRAINING_RULES
  shardings = sharding.parameter_shardings(params, mesh, rules)
  params = jax.device_put(params, shardings)
  shapes = jax.eval_shape(optimizer.init, params)
  moments = sharding.parameter_shardings(shapes, mesh, rules)
  init = jax.jit(optimizer.init, out_shardings=moments)
  return {"params": params, "optimizer": init(params)}


def make_update(
  loss: SummedLoss, optimizer: optax.GradientTransformation, mesh: Mesh | None
) -> loop.Update:
  """Makes a step: gradients summed over the microbatches, then AdamW.

  Args:
    loss: of parameters and a microbatch.
    optimizer: the optimizer.
    mesh: of `make_mesh`.

  Returns:
    A function of a state and a batch. The loss is the mean over all tokens of
    the batch that count, however they are spread over microbatches.
  """

  # The gradients are donated: one copy of them serves all microbatches.
  def accumulate(
    params: loop.Parameters,
    gradients: loop.Parameters,
    batch: finetune_data.Microbatch,
    scale: np.float32,
  ) -> tuple[loop.Parameters, jax.Array, jax.Array]:
    def scaled(params: loop.Parameters) -> tuple[jax.Array, jax.Array]:
      value, right = loss(params, batch)
      return value * scale, right * scale

    (value, right), more = jax.value_and_grad(scaled, has_aux=True)(params)
    summed = jax.tree.map(jnp.add, gradients, more)
    return _as_weights(summed, mesh), value, right

  def apply(state: loop.State, gradients: loop.Parameters) -> loop.State:
    changes, moments = optimizer.update(
      gradients, state["optimizer"], state["params"]
    )
    params = optax.apply_updates(state["params"], changes)
    params = _as_weights(params, mesh)
    return {"params": params, "optimizer": _as_weights(moments, mesh)}

  accumulate = jax.jit(accumulate, donate_argnums=1)
  apply = jax.jit(apply, donate_argnums=0)
  zeros = jax.jit(
    lambda params: _as_weights(jax.tree.map(jnp.zeros_like, params), mesh)
  )

  def update(
    state: loop.State, batch: list[finetune_data.Microbatch]
  ) -> tuple[loop.State, loop.Metrics]:
    scale = np.float32(1 / sum(part["weights"].sum() for part in batch))
    gradients = zeros(state["params"])
    value = right = jnp.float32(0.0)
    for part in batch:
      gradients, more, hits = accumulate(
        state["params"], gradients, put_rows(part, mesh), scale
      )
      value, right = value + more, right + hits
    return apply(state, gradients), {"loss": value, "right": right}

  return update


def make_evaluation(
  loss: SummedLoss,
  parts: Sequence[finetune_data.Microbatch],
  mesh: Mesh | None,
) -> loop.Evaluation:
  """Makes the evaluation on rows that are held out.

  Args:
    loss: of parameters and a microbatch.
    parts: the rows, in microbatches.
    mesh: of `make_mesh`.

  Returns:
    A function of parameters, giving the mean loss, and the share of tokens (or
    steps) that the model gets right.
  """
  summed = jax.jit(loss)
  total = sum(part["weights"].sum() for part in parts)

  def evaluate(params: loop.Parameters) -> dict[str, float]:
    sums = [summed(params, put_rows(part, mesh)) for part in parts]
    value, right = np.sum(jax.device_get(sums), axis=0) / total
    return {"held_out_loss": float(value), "held_out_right": float(right)}

  return evaluate


def put_rows(
  batch: finetune_data.Microbatch, mesh: Mesh | None
) -> finetune_data.Microbatch:
  """Splits the rows of a microbatch over the mesh's 'data'."""
  if mesh is None:
    return batch
  return jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))


def _as_weights(tree: Any, mesh: Mesh | None) -> Any:
  """Lays out what is shaped like weights as they are, inside a program."""
  if mesh is None:
    return tree
  rules = sharding.TRAINING_RULES
  shardings = sharding.parameter_shardings(tree, mesh, rules)
  return jax.lax.with_sharding_constraint(tree, shardings)


def _cast_before(loss: SummedLoss, dtype: jnp.dtype) -> SummedLoss:
  """Computes a loss in some dtype; its gradients come back in float32."""

  def cast(
    params: loop.Parameters, batch: finetune_data.Microbatch
  ) -> tuple[jax.Array, jax.Array]:
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
    return loss(params, batch)

  return cast
