"""Folders with model.safetensors, or with its shards and their index."""

import json
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import ml_dtypes
import numpy as np
import safetensors

from inference_scaling.models.sources import base, shards

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

# Names of dtypes in the files' headers. Floats of 8 bits carry scales beside
# them, which no layout here knows, so they are left out.
_DTYPES = {
  "F64": np.float64,
  "F32": np.float32,
  "F16": np.float16,
  "BF16": ml_dtypes.bfloat16,
  "I64": np.int64,
  "I32": np.int32,
  "U8": np.uint8,
  "BOOL": np.bool_,
}


class _Place(NamedTuple):
  """Where a tensor lies."""

  path: pathlib.Path
  offset: int
  dtype: str
  shape: base.Shape


class SafetensorsFolder:
  """Tensors of a folder, mapped into memory: a slice reads its part alone."""

  def __init__(self, folder: str | pathlib.Path):
    """Reads the headers.

    Args:
      folder: the checkpoint folder.

    Raises:
      FileNotFoundError: where a file is missing.
      ValueError: where a file is cut or no safetensors file, or where two
        files hold the same tensor.
    """
    self.where = str(folder)
    self.files = shards.files(pathlib.Path(folder), SINGLE, INDEX)
    self._places: dict[str, _Place] = {}
    for path in self.files:
      found = _read_header(path)
      shards.check_new(path, found, self._places)
      self._places |= found

  @property
  def shapes(self) -> Mapping[str, base.Shape]:
    """Shapes of all tensors, by name."""
    return {name: place.shape for name, place in self._places.items()}

  def read(self, name: str) -> np.ndarray:
    """Maps one tensor into memory; see `TensorSource`."""
    path, offset, dtype, shape = self._places[name]
    if dtype not in _DTYPES:
      raise ValueError(
        f"{path}: tensor {name} is stored as {dtype}; expected one of "
        f"{', '.join(sorted(_DTYPES))}. Save the model in bfloat16 first."
      )
    if 0 in shape:  # an empty stretch cannot be mapped
      return np.zeros(shape, _DTYPES[dtype])
    # safetensors itself would copy the whole tensor for every process.
    return np.memmap(path, _DTYPES[dtype], "r", offset, shape)


def _read_header(path: pathlib.Path) -> dict[str, _Place]:
  """Finds the tensors of one file, which is checked to be whole."""
  try:
    with safetensors.safe_open(path, framework="numpy"):
      pass  # holds the header against the size of the file
  except safetensors.SafetensorError as error:
    raise ValueError(
      f"{path} is not a whole safetensors file ({error}); it has "
      f"{path.stat().st_size} bytes and may be cut. Copy it again."
    ) from error
  with path.open("rb") as file:
    size = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(size))
  header.pop("__metadata__", None)
  return {
    name: _Place(
      path,
      8 + size + entry["data_offsets"][0],
      entry["dtype"],
      tuple(entry["shape"]),
    )
    for name, entry in header.items()
  }
