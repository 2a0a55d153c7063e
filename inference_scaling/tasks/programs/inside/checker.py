"""The process that runs tests: it calls a program that it cannot see.

Tests are those of a benchmark and are trusted; a program's functions are
proxies that send their arguments and take the value that comes back. What the
tests compare with never leaves this process.
"""

import ast
import builtins
import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_scaling.tasks.programs.inside import channel as channel_lib
from inference_scaling.tasks.programs.inside import values

_SEED = 0  # of tests that draw their inputs
_DIGEST = 16  # hexadecimal digits


class ProgramEndedError(BaseException):
  """The program's process has ended; no handler of a test takes this."""


class Program:
  """A program in another process."""

  def __init__(self, channel: channel_lib.Channel):
    """Waits until it is loaded.

    Args:
      channel: to its process.
    """
    self._channel = channel
    self._opaque: dict[int, Opaque] = {}
    loaded = self._receive()
    names = loaded.get("names", [])
    if not isinstance(names, list) or not {"names", "raised"} & set(loaded):
      raise ProgramEndedError("it sent what is no message")
    self.names = frozenset(name for name in names if isinstance(name, str))
    # What it raised instead.
    self.failure = _describe(loaded) if "raised" in loaded else None

  def ask(self, request: Mapping[str, Any]) -> Any:
    """Asks for a value, or lets the program raise.

    Args:
      request: of `guest`.

    Returns:
      The value.

    Raises:
      ProgramEndedError: if it says nothing that can be read.
      Exception: what the program raised, of the same built-in type.
    """
    return self.decode(self.ask_data(request))

  def ask_data(self, request: Mapping[str, Any]) -> Any:
    """As `ask`, but the value is JSON data still."""
    self._send(request)
    reply = self._receive()
    if "value" in reply:
      return reply["value"]
    raise _exception(reply)

  def get(self, name: str) -> Any:
    """The program's value of a name."""
    return self.ask({"get": name})

  def encode(self, value: Any) -> Any:
    """JSON data of a value of the tests, or of the program's own."""
    return values.encode(value, _number_of)

  def decode(self, data: Any) -> Any:
    """The value of JSON data of the program."""
    try:
      return values.decode(data, self._proxy)
    except (ValueError, RecursionError) as error:
      raise ProgramEndedError(f"it returned no value: {error}") from error

  def _proxy(self, number: int) -> "Opaque":
    return self._opaque.setdefault(number, Opaque(self, number))

  def _send(self, request: Mapping[str, Any]) -> None:
    try:
      self._channel.send(request)
    except channel_lib.ChannelClosedError as error:
      raise ProgramEndedError(str(error)) from error

  def _receive(self) -> dict[str, Any]:
    try:
      reply = self._channel.receive()
    except channel_lib.ChannelClosedError as error:
      raise ProgramEndedError(str(error)) from error
    if not isinstance(reply, dict):
      raise ProgramEndedError("it sent what is no message")
    return reply


class Opaque:
  """A function, a class or an object of the program's, equal to itself only."""

  def __init__(self, program: Program, number: int):
    object.__setattr__(self, "_program", program)
    object.__setattr__(self, "_number", number)

  def __call__(self, *arguments: Any, **keywords: Any) -> Any:
    """Calls it in the program's process."""
    return self._program.ask(
      {
        "of": self._number,
        "arguments": self._program.encode(list(arguments)),
        "keywords": self._program.encode(keywords),
      }
    )

  def __getattr__(self, name: str) -> Any:
    if name.startswith("__"):
      raise AttributeError(name)
    return self._program.ask({"of": self._number, "getattr": name})

  def __setattr__(self, name: str, value: Any) -> None:
    data = self._program.encode(value)
    self._program.ask({"of": self._number, "setattr": name, "value": data})


def _number_of(value: Any) -> int:
  if isinstance(value, Opaque):
    return object.__getattribute__(value, "_number")
  raise TypeError(
    f"a {type(value).__name__} of the tests cannot be sent to a program"
  )


def run_tests(
  program: Program, setup: str, code: str, names: Sequence[str]
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
  except ProgramEndedError as error:
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
        data = values.encode([list(arguments), keywords], _number_of)
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
  program: Program, calls: Sequence[Sequence[Any]], seconds: float
) -> list[str]:
  """Says what a program makes of calls.

  Args:
    program: loaded.
    calls: of `record_calls`.
    seconds: of processor time of each.

  Returns:
    A digest for each call; "" where it raised, returned nothing that can be
    compared, took too long, or had ended before.
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
  except ProgramEndedError:
    pass
  return seen + [""] * (len(calls) - len(seen))


def _digest(
  program: Program, function: Any, arguments: Any, keywords: Any, seconds: float
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
    return ""
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


def _exception(reply: Mapping[str, Any]) -> BaseException:
  kind = getattr(builtins, str(reply.get("raised")), RuntimeError)
  if not (isinstance(kind, type) and issubclass(kind, Exception)):
    kind = RuntimeError
  try:
    return kind(_describe(reply))
  except TypeError:  # those of Unicode take more
    return RuntimeError(_describe(reply))


def _describe(reply: Mapping[str, Any]) -> str:
  return f"{str(reply.get('type'))[:60]}: {str(reply.get('text'))[:200]}"
