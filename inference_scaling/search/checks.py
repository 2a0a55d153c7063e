"""Errors for what user functions return, raised while a search is traced."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


def check_tuple(function: str, value: Any, names: Sequence[str]) -> None:
  """Checks that a user function returned a tuple of the right length.

  Raises:
    ValueError: naming the function and what it should return.
  """
  if not isinstance(value, tuple) or len(value) != len(names):
    found = type(value).__name__
    if isinstance(value, tuple):
      found = f"tuple of {len(value)}"
    raise ValueError(
      f"{function} returned a {found}, expected ({', '.join(names)})"
    )


def check_array(
  name: str, value: Any, shape: Sequence[int], dtype: Any
) -> None:
  """Checks the shape and dtype of an array that a user function returned.

  Args:
    name: what the value is and which function returned it.
    value: the value.
    shape: the expected shape.
    dtype: the expected dtype.

  Raises:
    ValueError: if they differ, naming both.
  """
  found_shape = getattr(value, "shape", None)
  found_dtype = getattr(value, "dtype", None)
  if found_shape is None or found_dtype is None:
    raise ValueError(
      f"{name} is a {type(value).__name__}, expected an array "
      f"{jnp.dtype(dtype).name}{list(shape)}"
    )
  if tuple(found_shape) != tuple(shape) or found_dtype != dtype:
    raise ValueError(
      f"{name} is {found_dtype}{list(found_shape)}, expected "
      f"{jnp.dtype(dtype).name}{list(shape)}"
    )


def check_leading(name: str, tree: Any, leading: Sequence[int]) -> None:
  """Checks that every leaf of a pytree begins with the given axes.

  Raises:
    ValueError: naming the first leaf that does not.
  """
  leading = tuple(leading)
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    shape = jnp.shape(leaf)
    if shape[: len(leading)] != leading:
      raise ValueError(
        f"{name}{jax.tree_util.keystr(path)} has shape {list(shape)}, expected "
        f"its first axes to be {list(leading)}"
      )


def check_same(name: str, before: Any, after: Any) -> None:
  """Checks that a pytree kept its structure, shapes and dtypes.

  Raises:
    ValueError: naming what changed.
  """
  old_structure = jax.tree.structure(before)
  new_structure = jax.tree.structure(after)
  if old_structure != new_structure:
    raise ValueError(
      f"{name} has the structure {new_structure}, expected {old_structure}: a "
      "state must not change its structure during a search"
    )
  old_leaves = jax.tree_util.tree_leaves_with_path(before)
  for (path, old), new in zip(old_leaves, jax.tree.leaves(after), strict=True):
    old_type = (jnp.shape(old), jnp.result_type(old))
    new_type = (jnp.shape(new), jnp.result_type(new))
    if old_type != new_type:
      raise ValueError(
        f"{name}{jax.tree_util.keystr(path)} is "
        f"{new_type[1]}{list(new_type[0])}, expected "
        f"{old_type[1]}{list(old_type[0])}: a state must keep its shapes and "
        "dtypes during a search"
      )
