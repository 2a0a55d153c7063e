"""Checks weights for infinities and NaN, at the rate of memory."""

from collections.abc import Iterator

import ml_dtypes
import numpy as np

# Bits of infinity by dtype. Without its sign, a finite number has a smaller bit
# pattern and NaN a larger one.
_INFINITY = {
  np.dtype(np.float64): 0x7FF << 52,
  np.dtype(np.float32): 0xFF << 23,
  np.dtype(np.float16): 0x1F << 10,
  np.dtype(ml_dtypes.bfloat16): 0xFF << 7,
}
# So many numbers stay in a processor's cache while they are checked.
_BLOCK = 1 << 16


def all_finite(array: np.ndarray) -> bool:
  """Tells whether an array holds neither infinities nor NaN.

  Args:
    array: of any dtype; whole numbers are finite. It may be a file that is
      mapped into memory, of which a block is read at a time.

  Returns:
    Whether all of it is finite.
  """
  infinity = _INFINITY.get(array.dtype)
  if infinity is None:
    return True
  if array.dtype.itemsize >= 4:
    with np.errstate(all="ignore"):
      # Infinities and NaN stay in a sum, and weights do not overflow it.
      if np.isfinite(array.sum()):
        return True
  kind = _bits(array)
  signless = kind.type((1 << (8 * kind.itemsize - 1)) - 1)
  return all(
    int((block.view(kind) & signless).max()) < infinity
    for (block,) in _blocks(array)
  )


def equal(first: np.ndarray, second: np.ndarray) -> bool:
  """Tells whether two arrays of one shape hold the same numbers.

  Args:
    first: an array.
    second: another one, perhaps of another dtype.

  Returns:
    Whether they are equal; NaN is to NaN.
  """
  return all(
    _same_bits(*blocks)
    or np.array_equal(
      *(np.asarray(block, np.float32) for block in blocks), equal_nan=True
    )
    for blocks in _blocks(first, second)
  )


def error(
  where: str, name: str, stored: np.ndarray, dtype: np.dtype
) -> ValueError:
  """Says what is wrong with a tensor that is not finite once it is cast.

  Args:
    where: the folder or file.
    name: of the tensor.
    stored: what the file holds.
    dtype: that it was cast to.

  Returns:
    The error.
  """
  if all_finite(stored):
    return ValueError(
      f"{where}: tensor {name} has values beyond the range of {dtype}; load "
      "the model in another dtype, of bfloat16 and float32."
    )
  wide = np.asarray(stored, np.float32)
  return ValueError(
    f"{where}: tensor {name} is no weight: of its {stored.size} values "
    f"{int(np.isnan(wide).sum())} are NaN and {int(np.isinf(wide).sum())} "
    "infinite. The model was saved after its training had diverged, or the "
    "file is damaged: copy it again, or take an earlier checkpoint."
  )


def _same_bits(first: np.ndarray, second: np.ndarray) -> bool:
  """Compares what is mostly the same, in a fraction of the time."""
  return first.dtype == second.dtype and np.array_equal(
    first.view(_bits(first)), second.view(_bits(second))
  )


def _bits(array: np.ndarray) -> np.dtype:
  """The whole numbers of the size of an array's."""
  return np.dtype(f"u{array.dtype.itemsize}")


def _blocks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
  """Cuts arrays of one shape into contiguous blocks, none of them empty."""
  if not arrays[0].ndim:
    arrays = tuple(array.reshape(1) for array in arrays)
  rows = max(1, _BLOCK // max(1, arrays[0][:1].size))
  for start in range(0, len(arrays[0]), rows):
    parts = [array[start : start + rows] for array in arrays]
    if rows == 1 and parts[0].ndim > 1:  # a row is too long by itself
      yield from _blocks(*(part[0] for part in parts))
    elif parts[0].size:
      yield tuple(np.ascontiguousarray(part) for part in parts)
