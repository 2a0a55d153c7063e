"""Checkpoints from one format to another, bit by bit unless a dtype is given.

An Orbax folder holds the parameters as a model has them, split over a mesh, so
that each process of a later run reads its own part alone. A folder in Hugging
Face format is what everybody else reads.
"""

import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from flax import nnx

from inference_scaling import names
from inference_scaling.models import config as config_lib
from inference_scaling.models import sharding, sources
from inference_scaling.models.checkpoints import checkpoint as checkpoint_lib
from inference_scaling.models.checkpoints import (
  layout,
  loading,
  saving,
)
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.rewards import model
from inference_scaling.models.sources import orbax_folder

# A folder holds what a checkpoint does.
_WITHOUT_COPIES = {**sharding.RULES, "kv_copies": None}


def convert_to_orbax(
  source: str | pathlib.Path,
  folder: str | pathlib.Path,
  *,
  dtype: str | None = None,
  mesh: jax.sharding.Mesh | None = None,
) -> None:
  """Writes a checkpoint as an Orbax folder, which `open_checkpoint` takes.

  Args:
    source: as `open_checkpoint`; a policy, or a reward model with its head.
    folder: created where missing. A conversion that was stopped before its end
      is done anew.
    dtype: to cast the weights to; None to keep what is stored, and float32 for
      what is quantised.
    mesh: over which the weights are split while they are written. They can be
      read on any other mesh.

  Raises:
    FileExistsError: where the folder holds a checkpoint already.
    FileNotFoundError: where a file of the source is missing.
    ValueError: where the source is broken or its architecture not supported,
      the mesh cannot split it, or the dtype is of quantised weights.
  """
  _check_dtype(dtype)
  checkpoint = checkpoint_lib.open_checkpoint(source)
  folder = _empty(folder)
  entries, shapes, heads = _describe(checkpoint)
  tokenizer = checkpoint.tokenizer()
  parameters = loading.load_parameters(
    checkpoint, entries, shapes, dtype=dtype, mesh=mesh, others=heads or None,
    rules=_WITHOUT_COPIES,
  )  # fmt: skip
  if heads:
    parameters[orbax_folder.HEADS] = {
      name: loading.replicate(_read(checkpoint, name, dtype), mesh)
      for name in heads
    }
  folder.mkdir(parents=True, exist_ok=True)
  for unfinished in folder.glob(orbax_folder.UNFINISHED):
    shutil.rmtree(unfinished)
  with orbax_folder.quiet(), ocp.StandardCheckpointer() as checkpointer:
    path = (folder / orbax_folder.PARAMETERS).absolute()
    checkpointer.save(path, parameters, force=True)
  if jax.process_index() == 0:
    tokenizer.save_pretrained(folder)
    sizes = orbax_folder.file_sizes(folder)
    saving.write_json(folder / orbax_folder.SIZES, sizes)
    # Last, since a folder with a config counts as complete.
    dtypes = saving.count_dtypes(jax.tree.leaves(parameters))
    raw = saving.with_dtype(checkpoint.raw, dtypes)
    saving.write_json(folder / config_lib.CONFIG, raw)


def convert_to_hf(
  source: str | pathlib.Path,
  folder: str | pathlib.Path,
  *,
  dtype: str | None = None,
  max_shard_bytes: int = saving.MAX_SHARD_BYTES,
) -> None:
  """Writes a checkpoint as a folder in Hugging Face format.

  Args:
    source: as `convert_to_orbax`.
    folder: created where missing.
    dtype: as `convert_to_orbax`.
    max_shard_bytes: what a file may hold.

  Raises:
    FileExistsError: as `convert_to_orbax`.
    FileNotFoundError: as `convert_to_orbax`.
    ValueError: as `convert_to_orbax`.
  """
  _check_dtype(dtype)
  checkpoint = checkpoint_lib.open_checkpoint(source)
  folder = _empty(folder)
  entries, shapes, heads = _describe(checkpoint)
  tokenizer = checkpoint.tokenizer()
  loading.check_tensors(checkpoint, entries, shapes, heads)
  if not heads:
    loading.check_tied(checkpoint)
  tensor_names = [*layout.by_name(entries), *heads]
  tensors = ((name, _read(checkpoint, name, dtype)) for name in tensor_names)
  saving.write_folder(
    folder, checkpoint.raw, tensors, tokenizer, max_shard_bytes
  )


def _describe(
  checkpoint: checkpoint_lib.Checkpoint,
) -> tuple[list[layout.Entry], layout.Parameters, dict[str, layout.Shape]]:
  """Lists a model's entries, shapes of parameters, and shapes of its head."""
  config, stored = checkpoint.config, checkpoint.tensors.shapes
  native = checkpoint.architectures == (config_lib.REWARD_ARCHITECTURE,)
  module = model.StepReward if native else decoder_lib.Decoder
  shapes = nnx.to_pure_dict(
    nnx.split(nnx.eval_shape(lambda: module(config, nnx.Rngs(0))))[1]
  )
  entries = sources.entries_of(config, checkpoint.architectures, stored)
  heads = [e for e in entries if e.path[0] == orbax_folder.HEADS]
  entries = [e for e in entries if e not in heads]
  return entries, shapes, {e.name: stored[e.name] for e in heads}


def _check_dtype(dtype: str | None) -> None:
  """Refuses to store quantised weights, which nothing would read."""
  if dtype is not None and dtype not in names.FLOAT_DTYPES:
    raise ValueError(
      f"dtype is {dtype!r}; expected one of {', '.join(names.FLOAT_DTYPES)}, "
      "of what is stored. Weights are quantised when a checkpoint is loaded "
      f"in {names.INT8!r} or {names.FP8!r}."
    )


def _empty(folder: str | pathlib.Path) -> pathlib.Path:
  """Refuses a folder that holds a checkpoint, and what is no folder."""
  folder = pathlib.Path(folder)
  if folder.exists() and not folder.is_dir():
    raise FileExistsError(
      f"{folder} is a file; expected a folder to write. Give another name."
    )
  if (folder / config_lib.CONFIG).exists():
    raise FileExistsError(
      f"{folder} holds a checkpoint already. Remove it or name another folder."
    )
  return folder


def _read(
  checkpoint: checkpoint_lib.Checkpoint, name: str, dtype: str | None
) -> np.ndarray:
  """Reads a tensor and casts it, into memory of its own."""
  value = loading.read_finite(checkpoint.tensors, name)
  return np.array(value, None if dtype is None else jnp.dtype(dtype), order="C")
