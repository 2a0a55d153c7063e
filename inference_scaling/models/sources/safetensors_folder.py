"""Folders with model.safetensors, or with its shards and their index."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import safetensors
from typing_extensions import override

from inference_scaling.models.sources import base, shards

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

# Names of dtypes in the files' headers. Floats of 8 bits carry scales beside
# them, which no layout knows, so they are left out.
_DTYPES: dict[str, Any] = {
  "F64": np.float64,
  "F32": np.float32,
  "F16": np.float16,
  "BF16": ml_dtypes.bfloat16,
  "I64": np.int64,
  "I32": np.int32,
  "U8": np.uint8,
  "BOOL": np.bool_,
}


class _Location(NamedTuple):
  """Where a tensor is stored."""

  path: pathlib.Path
  offset: int
  dtype: str
  shape: base.Shape


class SafetensorsFolder(base.TensorSource):
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
    self._locations: dict[str, _Location] = {}
    for path in self.files:
      locations = _read_header(path)
      shards.check_new(path, locations, self._locations)
      self._locations |= locations

  @property
  @override
  def shapes(self) -> Mapping[str, base.Shape]:
    return {name: location.shape for name, location in self._locations.items()}

  @override
  def read(self, name: str) -> np.ndarray:
    path, offset, dtype, shape = self._locations[name]
    if dtype not in _DTYPES:
      raise ValueError(
        f"{path}: tensor {name} is stored as {dtype}; expected one of "
        f"{', '.join(sorted(_DTYPES))}. Save the model in bfloat16 first."
      )
    if 0 in shape:  # an empty stretch cannot be mapped
      return np.zeros(shape, _DTYPES[dtype])
    # safetensors itself would copy the whole tensor for every process.
    return np.memmap(path, _DTYPES[dtype], "r", offset, shape)


def _read_header(path: pathlib.Path) -> dict[str, _Location]:
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
    name: _Location(
      path,
      8 + size + entry["data_offsets"][0],
      entry["dtype"],
      tuple(entry["shape"]),
    )
    for name, entry in header.items()
  }
