"""What is asked of a box, and what it says."""

import dataclasses
from typing import Any

# A call of a program: a name, and JSON data of its arguments and keywords, as
# `values.encode` makes them.
Call = tuple[str, Any, Any]


@dataclasses.dataclass(frozen=True)
class Tests:
  """Tests of programs, which are Python code.

  Attributes:
    setup: code before them.
    code: of the tests; they pass if it ends without an exception.
    names: of the program that the tests use.
  """

  setup: str
  code: str
  names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What became of a program.

  Attributes:
    passed: whether it has passed all tests.
    why: what was wrong, in a line; "" if nothing was.
    seen: a digest of what each call returned, as `checker.observe` makes it.
  """

  passed: bool
  why: str
  seen: tuple[str, ...]


class SandboxError(RuntimeError):
  """Programs cannot be run safely, or at all, on this machine."""
