"""Errors for what a port gives; each names the port, the value and a remedy."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np


def call(what: str, function: Callable, arguments: Sequence[Any]) -> Any:
  """Calls a user's function.

  Args:
    what: names port and function in errors.
    function: the function.
    arguments: what it is given.

  Returns:
    What it returns.

  Raises:
    ValueError: if it raises anything, naming it and the cause.
  """
  try:
    return function(*arguments)
  except (Exception, SystemExit) as error:
    raise ValueError(
      f"{what} raised {type(error).__name__}: {error}"
    ) from error


def check_text(where: str, text: Any) -> None:
  """Raises a ValueError unless a value is a text that a file can hold."""
  if not isinstance(text, str):
    raise ValueError(
      f"{where} returned a {type(text).__name__}; expected a text."
    )
  try:
    text.encode()
  except UnicodeEncodeError as error:
    raise ValueError(
      f"{where} returned {text[error.start]!r} at position {error.start} "
      "of its text, half of a character that UTF-8 cannot write; expected a "
      'text. Decode bytes with errors="replace".'
    ) from error


def check_number(where: str, value: Any, *, whole: bool) -> None:
  """Raises a ValueError unless a value is a number of at least 0."""
  kind = np.integer if whole else np.number
  dtype = getattr(value, "dtype", np.result_type(type(value)))
  known = np.ndim(value) == 0 and np.issubdtype(dtype, kind)
  if not known or not 0 <= value < float("inf"):
    raise ValueError(
      f"{where} is {value!r}; expected a {'whole ' * whole}number of at least "
      "0."
    )


def check_arrays(where: str, tree: Any) -> None:
  """Raises a ValueError that names a leaf that is no array or number."""
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    if not isinstance(leaf, (jax.Array, np.ndarray, np.number, int, float)):
      raise ValueError(
        f"{where}{jax.tree_util.keystr(path)} is a {type(leaf).__name__}; "
        "expected a pytree of arrays."
      )


def check_static(where: str, made: Any) -> None:
  """Refuses arrays in an object that compiled programs keep alive.

  Args:
    where: names the port and the call that made it.
    made: a policy or a reward, or an adapter around one.

  Raises:
    ValueError: naming the attribute that holds an array.
  """
  for name, value in getattr(made, "__dict__", {}).items():
    for leaf in jax.tree.leaves(value):
      if isinstance(leaf, (jax.Array, np.ndarray)):
        raise ValueError(
          f"{where}: the attribute {name} of the {type(made).__name__} holds "
          "an array, which compiled programs would keep alive; expected "
          "numbers and texts alone. Put arrays into `weights`."
        )
      if dataclasses.is_dataclass(leaf) or name == "owner":
        check_static(where, leaf)
