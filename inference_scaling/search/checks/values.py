"""Errors for what user functions return, raised while a search is traced."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import core

from inference_scaling.search import base

# Rewards may be computed in any of these; the loop works in float32.
SCORE_DTYPES = ("float32", "bfloat16", "float16")
_STATUS = "RUNNING (0), FINISHED (1) or TRUNCATED (2)"
_COUNT = "a number of at least 0"


class WrongValueError(ValueError):
  """A user function returned what it should not."""


def check_tuple(function: str, value: Any, names: Sequence[str]) -> None:
  """Checks that a user function returned a tuple of the right length.

  Raises:
    WrongValueError: naming the function and what it should return.
  """
  if not isinstance(value, tuple) or len(value) != len(names):
    kind = type(value).__name__
    if isinstance(value, tuple):
      kind = f"tuple of {len(value)}"
    raise WrongValueError(
      f"{function} returned a {kind}, expected ({', '.join(names)})"
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
    WrongValueError: if they differ, naming both.
  """
  actual_shape = getattr(value, "shape", None)
  actual_dtype = getattr(value, "dtype", None)
  if actual_shape is None or actual_dtype is None:
    raise WrongValueError(
      f"{name} is a {type(value).__name__}, expected an array "
      f"{jnp.dtype(dtype).name}{list(shape)}"
    )
  if tuple(actual_shape) != tuple(shape) or actual_dtype != dtype:
    raise WrongValueError(
      f"{name} is {actual_dtype}{list(actual_shape)}, expected "
      f"{jnp.dtype(dtype).name}{list(shape)}"
    )


def check_scores(scores: Any, shape: Sequence[int]) -> None:
  """Checks the scores that a reward returned: of any of `SCORE_DTYPES`.

  Args:
    scores: the value.
    shape: the expected shape.

  Raises:
    WrongValueError: if shape or dtype differ, naming both.
  """
  dtype = getattr(scores, "dtype", None)
  known = dtype is not None and jnp.dtype(dtype).name in SCORE_DTYPES
  expected = dtype if known else jnp.float32
  check_array("scores from reward.score", scores, shape, expected)


def check_values(status: Any, num_tokens: Any, active: Any) -> None:
  """Checks what the steps of active beams say, where the values are known.

  Nothing is known, and nothing is checked, while a search is traced.

  Args:
    status: int32[P, N].
    num_tokens: int32[P, N].
    active: bool[P, N].

  Raises:
    WrongValueError: naming the first beam whose status or number of tokens
      cannot be.
  """
  arrays = (status, num_tokens, active)
  if any(isinstance(array, core.Tracer) for array in arrays):
    return
  status, num_tokens, active = map(np.asarray, arrays)
  for name, values, right, expected in (
    ("status", status, _is_status(status), _STATUS),
    ("num_tokens", num_tokens, num_tokens >= 0, _COUNT),
  ):
    wrong = np.argwhere(active & ~right)
    if wrong.size:
      p, n = wrong[0].tolist()
      raise WrongValueError(
        f"Step.{name} from policy.extend is {values[p, n]} for beam {n} of "
        f"problem {p}, expected {expected} for every active beam"
      )


class Worst(NamedTuple):
  """The worst values of steps, which a traced search keeps for its host.

  Attributes:
    status: int32[P], a status that no step may have, RUNNING where all may.
    num_tokens: int32[P], the least number of tokens; 0 where none is negative.
  """

  status: Any
  num_tokens: Any

  @classmethod
  def start(cls, num_problems: int) -> "Worst":
    """Those of no steps."""
    return cls(*[jnp.zeros(num_problems, jnp.int32)] * 2)

  def add(self, step: base.Step, active: jax.Array) -> "Worst":
    """Those of these steps and one more of each active beam."""
    wrong = active & ~_is_status(step.status)
    first = jnp.argmax(wrong, axis=1)[:, None]
    status = jnp.take_along_axis(step.status, first, axis=1)[:, 0]
    status = jnp.where(wrong.any(axis=1), status, base.RUNNING)
    tokens = jnp.where(active, step.num_tokens, 0).min(axis=1)
    return Worst(
      jnp.where(_is_status(self.status), status, self.status),
      jnp.minimum(self.num_tokens, tokens),
    )

  def check(self, where: str) -> None:
    """Checks those of one problem, without the axis P.

    Args:
      where: names problem and depth.

    Raises:
      WrongValueError: naming the value and what was expected.
    """
    for name, value, right, expected in (
      ("status", self.status, _is_status(self.status), _STATUS),
      ("num_tokens", self.num_tokens, self.num_tokens >= 0, _COUNT),
    ):
      if not right:
        raise WrongValueError(
          f"{where}: Step.{name} from policy.extend is {value}, expected "
          f"{expected} for every active beam"
        )


def _is_status(status: Any) -> Any:
  """Where a step may have a status: one of three numbers in a row."""
  return (status >= base.RUNNING) & (status <= base.TRUNCATED)


def check_leading(
  name: str, tree: Any, leading: Sequence[int], num_beams: int | None = None
) -> None:
  """Checks that every leaf of a pytree begins with the given axes.

  Args:
    name: what the tree is and where it comes from.
    tree: a pytree of arrays or of shapes.
    leading: the axes.
    num_beams: N, for a state: the message then says which adapter of
      `layouts` takes a state of another layout.

  Raises:
    WrongValueError: naming the first leaf that does not.
  """
  leading = tuple(leading)
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    shape = jnp.shape(leaf)
    if shape[: len(leading)] != leading:
      hint = "" if num_beams is None else _layout(shape, leading[0], num_beams)
      raise WrongValueError(
        f"{name}{jax.tree_util.keystr(path)} has shape {list(shape)}, expected "
        f"its first axes to be {list(leading)}{hint}"
      )


def check_same(name: str, before: Any, after: Any) -> None:
  """Checks that a pytree kept its structure, shapes and dtypes.

  Raises:
    WrongValueError: naming what changed.
  """
  old_structure = jax.tree.structure(before)
  new_structure = jax.tree.structure(after)
  if old_structure != new_structure:
    raise WrongValueError(
      f"{name} has the structure {new_structure}, expected {old_structure}: a "
      "state must not change its structure during a search"
    )
  old_leaves = jax.tree_util.tree_leaves_with_path(before)
  for (path, old), new in zip(old_leaves, jax.tree.leaves(after), strict=True):
    old_type = (jnp.shape(old), jnp.result_type(old))
    new_type = (jnp.shape(new), jnp.result_type(new))
    if old_type != new_type:
      raise WrongValueError(
        f"{name}{jax.tree_util.keystr(path)} is "
        f"{new_type[1]}{list(new_type[0])}, expected "
        f"{old_type[1]}{list(old_type[0])}: a state must keep its shapes and "
        "dtypes during a search"
      )


def _layout(shape: tuple[int, ...], P: int, N: int) -> str:
  """What to do about a leaf of a state that does not lead with P."""
  if P in shape[1:2]:
    return (
      "; problems seem to be its second axis, behind that of the layers: wrap "
      "the object in search.layer_first, or move that axis to the front"
    )
  if shape[:1] == (P * N,) or P * N in shape[1:2]:
    axis = 0 if shape[0] == P * N else 1
    return (
      f"; axis {axis} seems to hold all {P} * {N} beams: wrap the object in "
      "search.flat_rows, or reshape that axis to [P, N]"
    )
  return (
    "; what all problems share, such as one write position, must be each "
    "problem's own: wrap a model that has no axis of problems in "
    "search.per_row, or broadcast the leaf to [P]"
  )
