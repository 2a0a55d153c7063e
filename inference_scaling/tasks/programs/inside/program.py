"""A program in another process, as tests see it: names, calls and values.

A value that is not plain stays with the program; here an `Opaque` stands for
it, which is equal to itself only.
"""

import builtins
from collections.abc import Mapping
from typing import Any

from inference_scaling.tasks.programs.inside import channel as channel_lib
from inference_scaling.tasks.programs.inside import values


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
    return values.encode(value, number_of)

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

  def __call__(self, /, *arguments: Any, **keywords: Any) -> Any:
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


def number_of(value: Any) -> int:
  """The number of an opaque value.

  Args:
    value: that is not plain.

  Returns:
    Its number in the program's process.

  Raises:
    TypeError: if it is no value of the program's.
  """
  if isinstance(value, Opaque):
    return object.__getattribute__(value, "_number")
  raise TypeError(
    f"a {type(value).__name__} of the tests cannot be sent to a program"
  )


def _exception(reply: Mapping[str, Any]) -> BaseException:
  name = str(reply.get("raised"))
  kind = getattr(builtins, name, RuntimeError)
  if not (isinstance(kind, type) and issubclass(kind, Exception)):
    kind = RuntimeError
  # An iteration of the tests would end by it, and look at nothing more.
  if issubclass(kind, (StopIteration, StopAsyncIteration)):
    kind = RuntimeError
  same = kind.__name__ == name == reply.get("type")
  try:
    return kind(str(reply.get("text")) if same else _describe(reply))
  except TypeError:  # those of Unicode take more
    return RuntimeError(_describe(reply))


def _describe(reply: Mapping[str, Any]) -> str:
  return f"{str(reply.get('type'))[:60]}: {str(reply.get('text'))[:200]}"
