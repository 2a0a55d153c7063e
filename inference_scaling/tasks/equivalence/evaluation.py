"""The values of expressions: exact fractions, or floats of any precision.

Whatever is rational is computed in fractions, without error. All else is
computed by mpmath with as many digits as the evaluator is told to use.
"""

import fractions
from collections.abc import Mapping

import mpmath

from inference_scaling.tasks.equivalence.nodes import Node, UnreadableError
from inference_scaling.tasks.equivalence.operations import (
  OPERATIONS,
  UndefinedError,
  Value,
  call,
  constant,
  to_float,
)

_SPARE_DIGITS = 10


class Evaluator:
  """Computes values and notes how large and how small their parts are.

  Attributes:
    largest: of the absolute values of all parts.
    smallest: likewise, zero excepted.
    is_real: whether all parts were real.
  """

  def __init__(
    self,
    digits: int,
    variables: Mapping[str, Value] | None = None,
    strict: bool = True,
  ):
    r"""Makes an evaluator.

    Args:
      digits: of floats.
      variables: the value of each symbol.
      strict: whether to refuse to divide by what is zero but for rounding,
        such as \sin\pi; takes digits enough to tell that from small values.
    """
    self.digits = digits
    self.largest = mpmath.mpf(1)
    self.smallest = mpmath.mpf(1)
    self.is_real = True
    self._strict = strict
    self._variables = variables or {}

  def value(self, node: Node) -> Value:
    """Computes a value.

    Args:
      node: arithmetic.

    Returns:
      Its value.

    Raises:
      UndefinedError: if it has none.
      UnreadableError: if it is beyond the limits of this module.
    """
    with mpmath.workdps(self.digits):
      return self._value(node)

  def _value(self, node: Node) -> Value:
    try:
      value = self._computed(node)
    except (ZeroDivisionError, ValueError, OverflowError) as error:
      raise UndefinedError(f"{node.op}: {error}") from error
    self._note(value)
    return value

  def _note(self, value: Value) -> None:
    """Keeps the range of sizes."""
    if isinstance(value, mpmath.mpc):
      if not value.imag:
        value = value.real
      else:
        self.is_real = False
    size = abs(to_float(value))
    if not mpmath.isfinite(size):
      raise UndefinedError("an infinite or undefined value")
    if size:
      self.largest = max(self.largest, size)
      self.smallest = min(self.smallest, size)

  def _computed(self, node: Node) -> Value:
    if node.op == "number":
      return node.args[0]
    if node.op == "symbol":
      return self._variables[node.args[0]]
    if node.op == "constant":
      return constant(node.args[0])
    if node.op == "call":
      return call(node.args[0], [self._value(arg) for arg in node.args[1:]])
    if node.op not in OPERATIONS:
      raise UnreadableError(f"the value of a {node.op}")
    values = [self._value(arg) for arg in node.args]
    if node.op == "/" and self._strict:
      self._check_divisor(values[1])
    return OPERATIONS[node.op](*values)

  def _check_divisor(self, value: Value) -> None:
    noise = self.largest * mpmath.mpf(10) ** (_SPARE_DIGITS - self.digits)
    if not isinstance(value, fractions.Fraction) and abs(value) <= noise:
      raise UndefinedError("a division by zero")
