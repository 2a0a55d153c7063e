"""Compares what a user's functions returned, and says where it differs.

Axis letters: P problems, N beams per problem.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Leaf(NamedTuple):
  """One array of a pytree, on the host.

  Attributes:
    path: what it is called in the tree, as "['cache']"; empty for the tree
      itself.
    values: the array; keys as their data and small floats as float32.
  """

  path: str
  values: np.ndarray


def leaves(tree: Any) -> list[Leaf]:
  """The arrays of a pytree, on the host."""
  return [
    Leaf(jax.tree_util.keystr(path), host(leaf))
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  ]


def host(array: Any) -> np.ndarray:
  """An array in NumPy, in a type that NumPy can compare."""
  array = jnp.asarray(array)
  if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
    array = jax.random.key_data(array)
  if jnp.issubdtype(array.dtype, jnp.floating) and array.dtype.itemsize < 4:
    array = array.astype(jnp.float32)
  return np.asarray(array)


def pairs(first: Any, second: Any) -> Iterator[tuple[Leaf, np.ndarray]]:
  """The leaves of two pytrees of one structure."""
  for leaf, other in zip(leaves(first), leaves(second), strict=True):
    yield leaf, other.values


def differs(
  first: np.ndarray, second: np.ndarray, axes: int, close: bool = False
) -> np.ndarray:
  """Where two arrays of one shape differ.

  Args:
    first: an array.
    second: another.
    axes: how many leading axes to keep.
    close: whether floats may differ by rounding. It is that of products of
      other shapes, and in half precision more than float32 shows.

  Returns:
    bool of the leading axes, True where anything behind them differs.
  """
  floats = np.issubdtype(first.dtype, np.inexact)
  with np.errstate(invalid="ignore"):
    same = first == second
    if floats:
      same |= np.isnan(first) & np.isnan(second)
      if close:
        same |= np.abs(first - second) <= 1e-2 * (1 + np.abs(second))
  return ~same.all(axis=tuple(range(axes, same.ndim)))


def is_by_beam(values: np.ndarray, P: int, N: int) -> bool:
  """Whether the second axis of an array must be that of the beams.

  Where another axis has the same size, it may be that axis.
  """
  return values.shape[:2] == (P, N) and N not in values.shape[2:]


def first_location(mask: np.ndarray) -> str:
  """Says where a mask is True first: the beam, and in how many others."""
  p, *beam = np.argwhere(mask)[0].tolist()
  count = int(mask.sum())
  others = f" (and in {count - 1} more)" if count > 1 else ""
  where = f"beam {beam[0]} of problem {p}" if beam else f"problem {p}"
  return f"{where}{others}"


def shown(values: np.ndarray) -> str:
  """Some numbers of an array in a message."""
  flat = np.ravel(values)
  text = np.array2string(flat[:6], precision=4, separator=", ")
  text = text[:-1] + ", ..]" if flat.size > 6 else text
  return text[1:-1] if flat.size == 1 else text
