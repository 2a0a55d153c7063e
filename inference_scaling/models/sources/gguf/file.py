"""The tensors of GGUF files, dequantised one by one."""

import pathlib
from collections.abc import Mapping

import ml_dtypes
import numpy as np
from gguf import GGMLQuantizationType as Quantization

from inference_scaling.models.sources import base
from inference_scaling.models.sources.gguf import blocks, names, parts
from inference_scaling.models.sources.gguf import header as gguf_header

_PLAIN = {
  Quantization.F32: np.float32,
  Quantization.F16: np.float16,
  Quantization.F64: np.float64,
  Quantization.BF16: ml_dtypes.bfloat16,
}
_READABLE = (*_PLAIN, *blocks.READERS)


class GgufFile:
  """Tensors of a GGUF file, under their names of Hugging Face."""

  def __init__(
    self, path: str | pathlib.Path, num_heads: int, num_kv_heads: int
  ):
    """Holds the names and types of the tensors against what can be read.

    Args:
      path: the file, or any part of a split one.
      num_heads: query heads of the model.
      num_kv_heads: its key/value heads.

    Raises:
      FileNotFoundError: where a file is missing.
      ValueError: where a file is cut, of an unknown architecture, or holds a
        tensor of a type that is not supported.
    """
    header = parts.read_header(path)
    self.where = str(path)
    self.files = list(header.files)
    self._tensors: dict[str, gguf_header.Tensor] = {}
    self._turned: dict[str, int] = {}
    architecture = header.metadata.get("general.architecture")
    for name, tensor in header.tensors.items():
      if name == names.ROPE_FACTORS:  # the config tells the same
        continue
      if tensor.kind not in _READABLE:
        kind = getattr(tensor.kind, "name", f"type {tensor.kind}")
        raise ValueError(
          f"{tensor.path}: tensor {name} is quantised as {kind}; expected one "
          f"of {', '.join(kind.name for kind in _READABLE)}. Quantise the "
          "model anew in one of these types."
        )
      renamed = names.to_hf(name)
      self._tensors[renamed] = tensor
      heads = names.turned_heads(name, architecture, num_heads, num_kv_heads)
      if heads:
        self._turned[renamed] = heads

  @property
  def shapes(self) -> Mapping[str, base.Shape]:
    """Shapes of all tensors, by name."""
    return {name: tensor.shape for name, tensor in self._tensors.items()}

  def read(self, name: str, dtype: np.dtype | None = None) -> np.ndarray:
    """Reads one tensor into memory of its own.

    Args:
      name: a key of `shapes`.
      dtype: of the result; None for what is stored, and for float32 where that
        is quantised.

    Returns:
      The tensor, aligned as JAX wants what it keeps without a copy.
    """
    tensor = self._tensors[name]
    stored = _PLAIN.get(tensor.kind, np.float32)
    result = base.empty(tensor.shape, stored if dtype is None else dtype)
    rows = tensor.rows()
    if name in self._turned:
      # Rows are moved as they are stored, which is less to move.
      rows = _turn_back(rows, tensor.shape, self._turned[name])
    if tensor.kind in _PLAIN:
      with np.errstate(over="ignore"):  # the loader finds what is infinite
        result[...] = rows.view(stored).reshape(tensor.shape)
    else:
      blocks.dequantise(rows, tensor.kind, result)
    return result


def _turn_back(rows: np.ndarray, shape: base.Shape, heads: int) -> np.ndarray:
  """Puts stored rows back in order; of a bias, its numbers."""
  stored = rows.reshape(shape[0], -1)
  return names.turn_back(stored, heads).reshape(rows.shape)
