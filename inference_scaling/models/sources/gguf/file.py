"""The tensors of GGUF files, dequantised one by one."""

import pathlib
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
from gguf import GGMLQuantizationType as Quantization
from typing_extensions import override

from inference_scaling.models.sources import base
from inference_scaling.models.sources.gguf import (
  architectures,
  blocks,
  names,
  parts,
)
from inference_scaling.models.sources.gguf import header as gguf_header

_PLAIN: dict[Quantization, Any] = {
  Quantization.F32: np.float32,
  Quantization.F16: np.float16,
  Quantization.F64: np.float64,
  Quantization.BF16: ml_dtypes.bfloat16,
}
_READABLE = (*_PLAIN, *blocks.READERS)


class GgufFile(base.TensorSource):
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
    self._permuted_heads: dict[str, int] = {}
    name = header.metadata.get("general.architecture")
    if not isinstance(name, str) or name not in architectures.ARCHITECTURES:
      raise ValueError(f"{path}: general.architecture is {name!r}.")
    architecture = architectures.ARCHITECTURES[name]
    self._norm_offset = architecture.norm_offset
    for name, tensor in header.tensors.items():
      if name in names.SETTINGS:  # the config tells the same
        continue
      if tensor.kind not in _READABLE:
        kind = getattr(tensor.kind, "name", f"type {tensor.kind}")
        raise ValueError(
          f"{tensor.path}: tensor {name} is quantised as {kind}; expected one "
          f"of {', '.join(kind.name for kind in _READABLE)}. Quantise the "
          "model anew in one of these types."
        )
      renamed = names.to_hf(name, architecture)
      self._tensors[renamed] = tensor
      heads = names.permuted_heads(name, architecture, num_heads, num_kv_heads)
      if heads:
        self._permuted_heads[renamed] = heads

  @property
  @override
  def shapes(self) -> Mapping[str, base.Shape]:
    return {name: tensor.shape for name, tensor in self._tensors.items()}

  @override
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
    kind = tensor.kind
    assert isinstance(kind, Quantization)  # one of _READABLE
    stored = _PLAIN.get(kind, np.float32)
    result = base.empty(tensor.shape, stored if dtype is None else dtype)
    rows = tensor.rows()
    if name in self._permuted_heads:
      # Stored rows are smaller than dequantised ones.
      rows = _unpermute(rows, tensor.shape, self._permuted_heads[name])
    if self._norm_offset and name.endswith("norm.weight") and kind in _PLAIN:
      # Norms add it again; what is near 0 is stored better without it.
      wide = rows.view(stored).reshape(tensor.shape).astype(np.float32)
      result[...] = wide - np.float32(self._norm_offset)
    elif kind in _PLAIN:
      with np.errstate(over="ignore"):  # the loader finds what is infinite
        result[...] = rows.view(stored).reshape(tensor.shape)
    else:
      blocks.dequantise(rows, kind, result)
    return result


def _unpermute(rows: np.ndarray, shape: base.Shape, heads: int) -> np.ndarray:
  """Undoes the RoPE permutation of stored rows; of a bias, of its numbers."""
  stored = rows.reshape(shape[0], -1)
  return names.unpermute(stored, heads).reshape(rows.shape)
