"""GGUF files: metadata, and tensors that are dequantised one by one."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import gguf
import ml_dtypes
import numpy as np
from gguf import GGMLQuantizationType as Quantization

from inference_scaling.models.sources import base, gguf_names

# What can be read: plain floats, and the quantisations that models are
# published in.
_PLAIN = (Quantization.F32, Quantization.F16, Quantization.F64)
_BLOCKS = (
  Quantization.Q4_0, Quantization.Q4_1, Quantization.Q5_0, Quantization.Q5_1,
  Quantization.Q8_0, Quantization.Q2_K, Quantization.Q3_K, Quantization.Q4_K,
  Quantization.Q5_K, Quantization.Q6_K,
)  # fmt: skip
_READABLE = (*_PLAIN, Quantization.BF16, *_BLOCKS)
_ROWS = 256  # dequantised at a time


@dataclasses.dataclass(frozen=True)
class Header:
  """What a GGUF file says before its data.

  Attributes:
    metadata: by key.
    tensors: by GGUF's name, as the `gguf` package describes them.
  """

  metadata: Mapping[str, Any]
  tensors: Mapping[str, gguf.ReaderTensor]


class GgufFile:
  """Tensors of a GGUF file, under their names of Hugging Face."""

  def __init__(
    self, path: str | pathlib.Path, num_heads: int, num_kv_heads: int
  ):
    """Holds the names and types of the tensors against what can be read.

    Args:
      path: the file.
      num_heads: query heads of the model.
      num_kv_heads: its key/value heads.

    Raises:
      ValueError: where the file is cut, of an unknown architecture, or holds a
        tensor of a type that is not supported.
    """
    header = read_header(path)
    self.where = str(path)
    self.files = [pathlib.Path(path)]
    self._tensors = {}
    self._turned = {}
    architecture = header.metadata.get("general.architecture")
    for name, tensor in header.tensors.items():
      if name == gguf_names.ROPE_FACTORS:  # the config tells the same
        continue
      if tensor.tensor_type not in _READABLE:
        raise ValueError(
          f"{path}: tensor {name} is quantised as {tensor.tensor_type.name}; "
          f"expected one of {', '.join(t.name for t in _READABLE)}. Quantise "
          "the model anew in one of these types."
        )
      renamed = gguf_names.to_hf(name)
      self._tensors[renamed] = tensor
      heads = gguf_names.turned_heads(
        name, architecture, num_heads, num_kv_heads
      )
      if heads:
        self._turned[renamed] = heads

  @property
  def shapes(self) -> Mapping[str, base.Shape]:
    """Shapes of all tensors, by name."""
    return {
      name: tuple(int(size) for size in reversed(tensor.shape))
      for name, tensor in self._tensors.items()
    }

  def read(self, name: str) -> np.ndarray:
    """Reads one tensor; quantised ones come in float32."""
    tensor = self._tensors[name]
    value = _dequantise(tensor, self.shapes[name])
    if name in self._turned:
      value = gguf_names.turn_back(value, self._turned[name])
    return value


def read_header(path: str | pathlib.Path) -> Header:
  """Reads what a GGUF file says of itself.

  Args:
    path: the file.

  Returns:
    Metadata and descriptions of the tensors.

  Raises:
    FileNotFoundError: where there is no such file.
    ValueError: where it is cut or no GGUF file.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise FileNotFoundError(f"{path} does not exist; expected a GGUF file.")
  status = path.stat()
  return _read_header(path, status.st_size, status.st_mtime_ns)


# Reading takes seconds, since the `gguf` package makes an array of every word
# of the vocabulary. Size and time are there to notice that a file was replaced.
@functools.lru_cache(maxsize=2)
def _read_header(path: pathlib.Path, size: int, time: int) -> Header:
  del time
  try:
    reader = gguf.GGUFReader(path)
    metadata = {key: field.contents() for key, field in reader.fields.items()}
  except (ValueError, IndexError, KeyError) as error:
    raise ValueError(
      f"{path} is not a whole GGUF file ({error}); it has {size} bytes and may "
      "be cut. Copy it again."
    ) from error
  return Header(metadata, {tensor.name: tensor for tensor in reader.tensors})


def _dequantise(tensor: gguf.ReaderTensor, shape: base.Shape) -> np.ndarray:
  """Turns the stored blocks into numbers."""
  if tensor.tensor_type in _PLAIN:
    return tensor.data.reshape(shape)
  if tensor.tensor_type == Quantization.BF16:
    return tensor.data.view(ml_dtypes.bfloat16).reshape(shape)
  # Some rows at a time: the package needs twice the memory of its result.
  rows = tensor.data.reshape(-1, tensor.data.shape[-1])
  result = np.empty((len(rows), shape[-1]), np.float32)
  for start in range(0, len(rows), _ROWS):
    part = slice(start, start + _ROWS)
    result[part] = gguf.quants.dequantize(rows[part], tensor.tensor_type)
  return result.reshape(shape)
