"""The process that runs a program: it answers calls of its functions.

It holds the program and nothing of the tests but the arguments of each call.
What it says is taken for data.
"""

import signal
import sys
import types
from collections.abc import Mapping
from typing import Any

from inference_scaling.tasks.programs.inside import channel as channel_lib
from inference_scaling.tasks.programs.inside import values

_NAME = "program"  # not __main__: what only a script does is not wanted


class _ExpiredError(BaseException):
  """One call has taken too long; BaseException passes most handlers."""


def serve(channel: channel_lib.Channel, source: str) -> None:
  """Runs a program, says which names it has, and answers requests.

  Args:
    channel: to the tests.
    source: of the program.
  """
  guest = _Guest()
  channel.send(guest.load(source))
  while True:
    try:
      request = channel.receive()
    except channel_lib.ChannelClosedError:
      return
    channel.send(guest.answer(request))


class _Guest:
  """A loaded program, and those of its values that are not plain."""

  def __init__(self):
    # A module, as dataclasses, type hints and pickles look for one.
    module = sys.modules[_NAME] = types.ModuleType(_NAME)
    self._names: dict[str, Any] = module.__dict__
    self._kept: list[Any] = []

  def load(self, source: str) -> dict[str, Any]:
    """Runs the program.

    Args:
      source: of the program.

    Returns:
      The names that it has, or what it raised.
    """
    try:
      exec(compile(source, "program.py", "exec"), self._names)
    except BaseException as error:  # SystemExit, too
      return _raised(error)
    return {"names": [name for name in self._names if isinstance(name, str)]}

  def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
    """Does what the tests ask for.

    Args:
      request: `get` a name, or `call`, `getattr` or `setattr` of a kept value;
        `seconds` of processor time that it may take, or None.

    Returns:
      The value, or what was raised.
    """
    try:
      with _Limit(request.get("seconds")):
        value = self._perform(request)
        return {"value": values.encode(value, self._keep)}
    except BaseException as error:
      return _raised(error)

  def _perform(self, request: Mapping[str, Any]) -> Any:
    if "get" in request:
      return self._names[request["get"]]
    target = self._kept[request["of"]]
    if "getattr" in request:
      return getattr(target, request["getattr"])
    if "setattr" in request:
      return setattr(target, request["setattr"], self._decode(request["value"]))
    arguments = self._decode(request["arguments"])
    keywords = self._decode(request["keywords"])
    return target(*arguments, **keywords)

  def _decode(self, data: Any) -> Any:
    return values.decode(data, self._kept.__getitem__)

  def _keep(self, value: Any) -> int:
    for number, other in enumerate(self._kept):
      if other is value:
        return number
    self._kept.append(value)
    return len(self._kept) - 1


class _Limit:
  """A limit of processor time; a hostile program can lift it, a box's not."""

  def __init__(self, seconds: float | None):
    self._seconds = seconds or 0.0

  def __enter__(self) -> None:
    if self._seconds:
      signal.signal(signal.SIGVTALRM, _expire)
      signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)

  def __exit__(self, *unused_exception: object) -> None:
    if self._seconds:
      signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _expire(*unused_signal: object) -> None:
  raise _ExpiredError


def _raised(error: BaseException) -> dict[str, Any]:
  """What is said of an exception: its type, and the start of its text."""
  kind = next(
    (
      base.__name__
      for base in type(error).__mro__
      if base.__module__ == "builtins"
    ),
    "Exception",
  )
  try:
    text = str(error)[:200]
  except BaseException:
    text = ""
  return {"raised": kind, "type": type(error).__name__[:60], "text": text}
