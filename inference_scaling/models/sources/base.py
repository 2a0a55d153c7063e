"""What every kind of checkpoint offers: shapes at once, tensors one by one."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

Shape = tuple[int, ...]
_ALIGNMENT = 64  # bytes, of buffers of XLA


class TensorSource(Protocol):
  """Named tensors that are read one at a time.

  Names and axes are those of the Hugging Face checkpoint of the architecture,
  whatever the files call them.

  Attributes:
    where: the folder or file, for errors.
    shapes: by name; no data is read for them.
  """

  where: str

  @property
  def shapes(self) -> Mapping[str, Shape]:
    """Shapes of all tensors, by name."""
    ...

  def read(self, name: str) -> np.ndarray:
    """Reads one tensor, in its stored dtype.

    Args:
      name: a key of `shapes`.

    Returns:
      The tensor, possibly a view of a file that is mapped into memory. A
      tensor of bfloat16 has the dtype of that name of ml_dtypes.
    """
    ...


def empty(shape: Shape, dtype: np.dtype) -> np.ndarray:
  """Makes an array that JAX can keep on the CPU without a copy of it.

  Args:
    shape: of the array.
    dtype: of the array.

  Returns:
    The array, not filled.
  """
  dtype = np.dtype(dtype)
  size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
  memory = np.empty(size + _ALIGNMENT, np.uint8)
  start = -memory.ctypes.data % _ALIGNMENT
  return memory[start : start + size].view(dtype).reshape(shape)
