"""Checks of the hyperparameters and choices of strategies.

A hyperparameter is a Python or NumPy number, or a JAX array without axes. A
truth value, a text, None and an array with axes are none, and neither is NaN.
What a function here returns is what the strategy keeps: a number that can be
hashed stays one, so that equal strategies share their programs.

A traced array has a shape and a dtype but no value: both are checked, and the
value is taken as it comes. A concrete array is checked as a number is.
"""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import core

from inference_scaling.search import base
from inference_scaling.search.strategies import double_float

MOST = np.iinfo(np.int32).max  # whole numbers travel as int32
# Float32 holds products and quotients of two numbers in between.
SMALL, LARGE = 1e-15, 1e15
_LARGEST = float(np.finfo(np.float32).max)
_SHOWN = 60  # characters of a value in a message


def check_positive(name: str, value: Any, hint: str) -> Any:
  """Checks a number above 0.

  Args:
    name: of the strategy and its argument.
    value: the number; a `Double` without axes may stand for it.
    hint: what to do.

  Returns:
    The value; a NumPy array without axes becomes a number.

  Raises:
    ValueError: if it is no number or not above 0.
  """
  expected = f"a number above 0; {hint}"
  if isinstance(value, double_float.Double):
    for part in value:
      _check_real(name, part, expected)
    return value
  value = _check_real(name, value, expected)
  if not _is_traced(value) and not np.asarray(value) > 0:
    raise _error(name, value, expected)
  return value


def check_finite(name: str, value: Any, hint: str) -> Any:
  """Checks a number of at least 0 that float32 can hold.

  Args:
    name: of the strategy and its argument.
    value: the number.
    hint: what to do.

  Returns:
    The value; a NumPy array without axes becomes a number.

  Raises:
    ValueError: if it is no number, negative or too large.
  """
  expected = f"a finite number of at least 0; {hint}"
  value = _check_real(name, value, expected)
  if not _is_traced(value):
    number = float(np.asarray(value))
    if not 0 <= number <= _LARGEST:
      raise _error(name, value, expected)
  return value


def check_moderate(name: str, value: Any, hint: str, least: float) -> Any:
  """Checks a number whose products and quotients with others are finite.

  Args:
    name: of the strategy and its argument.
    value: the number.
    hint: what to do.
    least: the smallest that is allowed: SMALL, or 0.

  Returns:
    The value; a NumPy array without axes becomes a number.

  Raises:
    ValueError: if it is no number, or too small or too large.
  """
  expected = f"a number from {least:g} to {LARGE:g}; {hint}"
  value = _check_real(name, value, expected)
  if not _is_traced(value) and not least <= float(np.asarray(value)) <= LARGE:
    raise _error(name, value, expected)
  return value


def check_whole(name: str, value: Any, least: int) -> Any:
  """Checks a whole number.

  Args:
    name: of the strategy and its argument.
    value: the number; 4.0 is whole, an array of floats is not.
    least: the smallest that is allowed.

  Returns:
    An int for a number, and an array as it is.

  Raises:
    ValueError: if it is no whole number, too small or beyond int32.
  """
  expected = f"a whole number of at least {least}"
  value = _check_real(name, value, expected)
  if isinstance(value, jax.Array):
    if not jnp.issubdtype(value.dtype, jnp.integer):
      raise _error(name, value, f"{expected}, as an array of integers")
    if _is_traced(value):
      return value
  number = np.asarray(value).item()
  if number != number or not float(number).is_integer() or number < least:
    raise _error(name, value, expected)
  if number > MOST:
    raise _error(name, value, f"{expected} and at most {MOST}")
  return value if isinstance(value, jax.Array) else int(number)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
  """Checks that a value is one of some texts.

  Raises:
    ValueError: if it is not.
  """
  if not isinstance(value, str) or value not in choices:
    raise _error(name, value, f"one of {tuple(choices)}")


def check_shared(strategy: str, lookahead: Any, duplicates: Any) -> int:
  """Checks what many strategies have: a look-ahead and a rule of duplicates.

  Args:
    strategy: its name.
    lookahead: a whole number of steps. No array may stand for it: it is how
      often a loop is unrolled.
    duplicates: one of `base.DUPLICATES`.

  Returns:
    The look-ahead.

  Raises:
    ValueError: if one of the two is neither.
  """
  check_choice(f"{strategy}: duplicates", duplicates, base.DUPLICATES)
  return check_static(
    f"{strategy}: lookahead", lookahead, 0, " of steps, 0 for none"
  )


def check_static(name: str, value: Any, least: int, words: str = "") -> int:
  """Checks a whole number that no array may stand for.

  Args:
    name: what it is and whose.
    value: the number, of a type of whole numbers.
    least: the smallest that is allowed.
    words: what follows "a whole number" in the message; by default the least.

  Returns:
    The number.

  Raises:
    ValueError: if it is no such number.
  """
  words = words or f" of at least {least}"
  fixed = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
  if not fixed or value < least:
    raise _error(name, value, f"a whole number{words}")
  return operator.index(value)


def shown(value: Any) -> str:
  """A value in a message: on one line, and not too long."""
  if isinstance(value, jax.Array) and (value.ndim or _is_traced(value)):
    return f"{value.dtype}{list(value.shape)}"
  text = " ".join(repr(value).split())
  return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}.."


def _check_real(name: str, value: Any, expected: str) -> Any:
  """Checks that a value is one real number, whatever its size."""
  if isinstance(value, np.ndarray) and not value.ndim:
    value = value[()]
  if isinstance(value, jax.Array):
    real = any(
      jnp.issubdtype(value.dtype, kind) for kind in (jnp.integer, jnp.floating)
    )
    if value.ndim or not real:
      raise _error(name, value, f"{expected}; an array has no axes")
    return value
  # bool is a subclass of int in Python: a count must not be true.
  number = isinstance(value, (int, float, np.integer, np.floating))
  if not number or isinstance(value, bool):
    raise _error(name, value, expected)
  if isinstance(value, int) and abs(value) > _LARGEST:
    raise ValueError(f"{name} is beyond float32, expected {expected}")
  return value


def _is_traced(value: Any) -> bool:
  return isinstance(value, core.Tracer)


def _error(name: str, value: Any, expected: str) -> ValueError:
  return ValueError(f"{name} is {shown(value)}, expected {expected}")
