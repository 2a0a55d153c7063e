"""Writes checkpoint folders in Hugging Face format, in shards if large."""

import collections
import json
import pathlib
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np
import safetensors.numpy
import transformers
from jax.experimental import multihost_utils

from inference_scaling.models.checkpoints import layout
from inference_scaling.models.sources.safetensors_folder import INDEX, SINGLE

MAX_SHARD_BYTES = 5_000_000_000  # as transformers has it
_SHARD = "model-{:05}-of-{:05}.safetensors"
_UNNAMED = "unfinished-{:05}.safetensors"
Tensors = Iterable[tuple[str, np.ndarray]]


def write_folder(
  folder: str | pathlib.Path,
  raw_config: dict[str, Any],
  tensors: Tensors,
  tokenizer: transformers.PreTrainedTokenizerFast,
  max_shard_bytes: int = MAX_SHARD_BYTES,
) -> None:
  """Writes a checkpoint folder that this package and transformers read.

  Of several processes, which must all call this, the first writes the files.
  The others only go through the tensors, which may take all to be gathered.

  Args:
    folder: created where missing; the model in it is replaced.
    raw_config: contents of config.json, but for its dtype.
    tensors: names and arrays. One shard of them is in memory at a time.
    tokenizer: saved beside them, with its chat template.
    max_shard_bytes: what a file may hold, unless one tensor alone is larger.
  """
  if jax.process_index() > 0:
    for _ in tensors:
      pass
    return
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  dtypes: collections.Counter[str] = collections.Counter()
  shards = []  # sizes of the tensors of each, by name
  for shard in _shards(tensors, max_shard_bytes):
    path = folder / _UNNAMED.format(len(shards))
    safetensors.numpy.save_file(shard, path, metadata={"format": "pt"})
    shards.append({name: value.nbytes for name, value in shard.items()})
    dtypes.update(count_dtypes(shard.values()))
  _rename(folder, shards)
  tokenizer.save_pretrained(folder)
  config = folder / "config.json"
  write_json(config, with_dtype(raw_config, dtypes))
  for path in folder.glob("model*.safetensors"):
    shutil.copymode(config, path)  # safetensors lets nobody else read them


def count_dtypes(
  values: Iterable[np.ndarray | jax.Array],
) -> collections.Counter[str]:
  """Counts the weights of each dtype, by its name."""
  counts: collections.Counter[str] = collections.Counter()
  for value in values:
    counts[value.dtype.name] += value.size
  return counts


def with_dtype(
  raw_config: dict[str, Any], dtypes: collections.Counter[str]
) -> dict[str, Any]:
  """Writes into a config what the weights are stored as.

  Args:
    raw_config: contents of config.json.
    dtypes: from `count_dtypes`. Files may mix them; that of most weights is
      the model's.

  Returns:
    The contents, changed.
  """
  raw = raw_config | {"dtype": dtypes.most_common(1)[0][0]}
  raw.pop("torch_dtype", None)  # how transformers < 5 spelled it
  return raw


def stored_tensors(
  parameters: layout.Parameters, entries: list[layout.Entry]
) -> Iterator[tuple[str, np.ndarray]]:
  """Arranges parameters as the tensors of a checkpoint, one by one.

  Parameters that are split over several processes are gathered into each: all
  of them must go through all the tensors.

  Args:
    parameters: nested dict of arrays, each in the dtype to be stored.
    entries: the layout.

  Yields:
    Names and arrays.
  """
  for name, group in layout.by_name(entries).items():
    values = [_gather(layout.get(parameters, entry.path)) for entry in group]
    yield name, layout.to_stored(group, values)


def _gather(value: np.ndarray | jax.Array) -> np.ndarray:
  if isinstance(value, jax.Array) and not value.is_fully_addressable:
    value = multihost_utils.process_allgather(value, tiled=True)
  return np.asarray(jax.device_get(value))


def _shards(tensors: Tensors, limit: int) -> Iterator[dict[str, np.ndarray]]:
  """Gathers tensors, in their order, up to the limit."""
  shard: dict[str, np.ndarray] = {}
  size = 0
  for name, value in tensors:
    if shard and size + value.nbytes > limit:
      yield shard
      shard, size = {}, 0
    shard[name] = value
    size += value.nbytes
  yield shard


def _rename(folder: pathlib.Path, shards: list[dict[str, int]]) -> None:
  """Gives the files their names, which tell how many there are."""
  for old in [*folder.glob("model-*-of-*.safetensors"), folder / INDEX,
              folder / SINGLE]:  # fmt: skip
    old.unlink(missing_ok=True)
  if len(shards) == 1:
    (folder / _UNNAMED.format(0)).rename(folder / SINGLE)
    return
  weight_map, total = {}, 0
  for number, sizes in enumerate(shards):
    name = _SHARD.format(number + 1, len(shards))
    (folder / _UNNAMED.format(number)).rename(folder / name)
    weight_map |= dict.fromkeys(sizes, name)
    total += sum(sizes.values())
  index = {"metadata": {"total_size": total}, "weight_map": weight_map}
  write_json(folder / INDEX, index)


def write_json(path: pathlib.Path, contents: dict[str, Any]) -> None:
  """Writes a JSON file for people to read, too."""
  text = json.dumps(contents, indent=2, sort_keys=True)
  path.write_text(text + "\n", encoding="utf-8")
