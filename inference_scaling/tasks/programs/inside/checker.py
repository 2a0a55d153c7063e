"""The process that runs tests: it calls a program that it cannot see.

Tests are those of a benchmark and are trusted; a program's functions are
proxies that send their arguments and take the value that comes back. What the
tests compare with never leaves this process.
"""

import ast
import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_scaling.tasks.programs.inside import program as program_lib
from inference_scaling.tasks.programs.inside import values

OBJECT = "object"  # for a digest of what is not plain
_SEED = 0  # of tests that draw their inputs
_DIGEST = 16  # hexadecimal digits


def run_tests(
  program: program_lib.Program, setup: str, code: str, names: Sequence[str]
) -> dict[str, Any]:
  """Runs tests.

  Args:
    program: loaded.
    setup: code before them.
    code: of the tests; they pass if it ends without an exception.
    names: of the program that they use.

  Returns:
    `passed`, and what went wrong if anything did.
  """
  if program.failure is not None:
    return {"passed": False, "why": program.failure}
  try:
    proxies = {name: program.get(name) for name in names}
    _run(setup, code, proxies)
  except program_lib.ProgramEndedError as error:
    return {"passed": False, "why": f"the program ended: {error}"}
  except BaseException as error:
    why = f"{type(error).__name__}: {str(error)[:200]}"
    return {"passed": False, "why": why}
  return {"passed": True, "why": ""}


def record_calls(
  setup: str, code: str, names: Sequence[str]
) -> list[list[Any]]:
  """Lists the arguments with which tests call a program that is not there.

  Args:
    setup: code before the tests.
    code: of the tests; what fails in them is passed over.
    names: of the program that they use.

  Returns:
    For each call its name and JSON data of arguments and keywords.
  """
  calls: list[list[Any]] = []

  def recorder(name: str) -> Callable[..., None]:
    def record(*arguments: Any, **keywords: Any) -> None:
      try:
        data = values.encode([list(arguments), keywords], program_lib.number_of)
      except (TypeError, RecursionError):
        return  # no program could be given this
      calls.append([name, *data])

    return record

  recorders = {name: recorder(name) for name in names}
  try:
    _run(_forgiving(setup), _forgiving(code), recorders)
  except Exception:
    pass  # the calls before are calls all the same
  return calls


def observe(
  program: program_lib.Program, calls: Sequence[Sequence[Any]], seconds: float
) -> list[str]:
  """Says what a program makes of calls.

  Args:
    program: loaded.
    calls: of `record_calls`.
    seconds: of processor time of each.

  Returns:
    A digest for each call; `OBJECT` where it returned what cannot be compared,
    "" where it raised, took too long, or had ended before.
  """
  if program.failure is not None:
    return [""] * len(calls)
  seen = []
  try:
    functions = {
      name: program.ask_data({"get": name}) for name, *_ in calls
      if name in program.names
    }  # fmt: skip
    for name, arguments, keywords in calls:
      seen.append(
        _digest(program, functions.get(name), arguments, keywords, seconds)
      )
  except program_lib.ProgramEndedError:
    pass
  return seen + [""] * (len(calls) - len(seen))


def _digest(
  program: program_lib.Program,
  function: Any,
  arguments: Any,
  keywords: Any,
  seconds: float,
) -> str:
  if not isinstance(function, dict) or "opaque" not in function:
    return ""
  request = {
    "of": function["opaque"], "arguments": arguments, "keywords": keywords,
    "seconds": seconds,
  }  # fmt: skip
  try:
    data = program.ask_data(request)
    program.decode(data)  # raises where it is of no value
    text = values.canonical(data)
  except (Exception, RecursionError):
    return ""
  if '{"opaque":' in text:
    return OBJECT
  return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


def _run(setup: str, code: str, names: Mapping[str, Any]) -> None:
  """Runs the code of tests with some names given."""
  random.seed(_SEED)
  scope: dict[str, Any] = {"__name__": "tests", **names}
  exec(compile(setup, "setup.py", "exec"), scope)
  scope.update(names)  # a prompt defines the head of its function, too
  exec(compile(code, "tests.py", "exec"), scope)


class _Forgiving(ast.NodeTransformer):
  """Lets code go on behind a test that fails."""

  def visit_Assert(self, node: ast.Assert) -> ast.AST:
    return _tried(ast.Expr(node.test), node)

  def visit_Expr(self, node: ast.Expr) -> ast.AST:
    return _tried(ast.Expr(node.value), node)


def _tried(statement: ast.stmt, node: ast.AST) -> ast.AST:
  handler = ast.ExceptHandler(
    ast.Name("Exception", ast.Load()), None, [ast.Pass()]
  )
  return ast.copy_location(ast.Try([statement], [handler], [], []), node)


def _forgiving(code: str) -> Any:
  tree = _Forgiving().visit(ast.parse(code))
  return ast.fix_missing_locations(tree)
