"""Errors for the numbers and choices that strategies are made of."""

from collections.abc import Sequence
from typing import Any

import jax

from inference_scaling.search import base, double_float

# Inside a jitted function these may be traced: their values are not looked at.
_ARRAYS = (jax.Array, double_float.Double)


def check_positive(name: str, number: Any, hint: str) -> None:
  """Checks that a number is above 0, unless it is an array.

  Args:
    name: of the strategy and its argument.
    number: the value.
    hint: what to do.

  Raises:
    ValueError: if it is not.
  """
  if not isinstance(number, _ARRAYS) and not number > 0:
    raise ValueError(f"{name} is {number}, expected a number above 0; {hint}")


def check_whole(name: str, number: Any, least: int) -> None:
  """Checks that a number is whole and large enough, unless it is an array.

  Raises:
    ValueError: if it is not.
  """
  if isinstance(number, _ARRAYS):
    return
  if number != number // 1 or number < least:
    raise ValueError(
      f"{name} is {number!r}, expected a whole number of at least {least}"
    )


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
  """Checks that a value is one of some texts.

  Raises:
    ValueError: if it is not.
  """
  if value not in choices:
    raise ValueError(f"{name} is {value!r}, expected one of {tuple(choices)}")


def check_shared(strategy: str, lookahead: int, duplicates: str) -> None:
  """Checks what many strategies have: a look-ahead and a rule of duplicates.

  Raises:
    ValueError: if the look-ahead is not a whole number, which no array may
      stand for (it is how often a loop is unrolled), or the rule is unknown.
  """
  if not isinstance(lookahead, int) or lookahead < 0:
    raise ValueError(
      f"{strategy}: lookahead is {lookahead!r}, expected a whole number of "
      "steps, 0 for none"
    )
  check_choice(f"{strategy}: duplicates", duplicates, base.DUPLICATES)
