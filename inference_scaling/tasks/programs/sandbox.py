"""Runs programs that nobody has read: bounded, alone, and with no way out.

Two kinds of box hold on Linux. In `bubblewrap` the program has namespaces of
its own; where that cannot run, `landlock` takes all files but Python's own from
it. In both, a filter of system calls leaves it one process, no socket and no
signal, and limits bound its memory and time. Which one holds is tried, not
guessed: `probe` sends a box the worst of programs.
"""

import concurrent.futures
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from inference_scaling.tasks.programs import (
  bubblewrap,
  interpreter,
  jobs,
  process,
)
from inference_scaling.tasks.programs import limits as limits_lib
from inference_scaling.tasks.programs.inside import landlock

BUBBLEWRAP, LANDLOCK = KINDS = ("bubblewrap", "landlock")
_START_SECONDS = 60.0  # on a loaded machine with a cold disk


@dataclasses.dataclass(frozen=True)
class Sandbox:
  """Runs programs in boxes of one kind; each has one of its own.

  Attributes:
    kind: one of `KINDS`.
    limits: of each program.
    workers: programs that run at once; None for the cores of this process.
  """

  kind: str
  limits: limits_lib.Limits = limits_lib.DEFAULT
  workers: int | None = None

  def examine(
    self, program: str, tests: jobs.Tests, calls: Sequence[jobs.Call] = ()
  ) -> jobs.Verdict:
    """Tests a program, and observes what it makes of calls.

    Args:
      program: its source.
      tests: that it should pass.
      calls: of it, on which no test depends.

    Returns:
      What became of it. A program that is late or ends its box has not passed.

    Raises:
      jobs.SandboxError: if no box starts.
    """
    with self._start(program, guests=2) as box:
      job = {
        **_describe(tests), "calls": list(calls),
        "call_seconds": self.limits.call_seconds,
      }  # fmt: skip
      try:
        verdict = box.ask(job, self.limits.seconds)
      except process.BoxEndedError as error:
        return jobs.Verdict(False, str(error), ("",) * len(calls))
      why = verdict.get("error") or verdict["why"]
      seen = self._observed(box, len(calls))
      return jobs.Verdict(verdict.get("passed", False), why, seen)

  def examine_all(
    self,
    programs: Iterable[str],
    tests: jobs.Tests,
    calls: Sequence[jobs.Call] = (),
  ) -> list[jobs.Verdict]:
    """As `examine`, several programs at once, in their order."""
    return self._in_parallel(
      lambda program: self.examine(program, tests, calls), programs
    )

  def record_calls(self, tests: jobs.Tests) -> list[jobs.Call]:
    """Lists the calls that tests make; their code runs in a box, too.

    Args:
      tests: of programs.

    Returns:
      The calls with plain arguments, in their order; one may come twice.

    Raises:
      jobs.SandboxError: if no box starts, or the tests do not end in time.
    """
    with self._start("", guests=0) as box:
      try:
        reply = box.ask(_describe(tests), self.limits.seconds)
        return [(name, args, words) for name, args, words in reply["calls"]]
      except (process.BoxEndedError, KeyError) as error:
        raise jobs.SandboxError(
          f"the tests {tests.code[:60]!r} cannot be run to see what they call "
          f"({error}). Mend them, or leave the problem out."
        ) from error

  def _in_parallel(
    self, run: Callable[[str], jobs.Verdict], programs: Iterable[str]
  ) -> list[jobs.Verdict]:
    workers = self.workers or len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
      return list(pool.map(run, programs))

  def _observed(self, box: process.Box, count: int) -> tuple[str, ...]:
    """Digests of calls; "" for those that come too late."""
    seen: list[str] = []
    until = time.monotonic() + self.limits.seconds
    try:
      while len(seen) < count:
        seen.append(str(box.receive(until)["seen"]))
    except (process.BoxEndedError, KeyError):
      pass
    return tuple(seen + [""] * (count - len(seen)))

  def _start(self, program: str, guests: int) -> process.Box:
    """Starts a box, with the processes of its program."""
    command, environment = self._command()
    box = process.Box(command, environment)
    try:
      box.ask({"program": program, "guests": guests}, _START_SECONDS)
    except process.BoxEndedError as error:
      said = box.errors() if "time" not in str(error) else ""
      box.__exit__()
      raise jobs.SandboxError(
        f"a box of kind {self.kind!r} does not start: {said or error}"
      ) from error
    except BaseException:
      box.__exit__()
      raise
    return box

  def _command(self) -> tuple[list[str], dict[str, str]]:
    """The command of a box, and its variables."""
    readable = interpreter.readable()
    settings: dict[str, Any] = {
      "limits": dataclasses.asdict(self.limits),
      "packages": interpreter.packages(),
      "readable": [*readable, *bubblewrap.DEVICES],
      # Within bubblewrap it is a second wall, where the kernel has it.
      "landlock": self.kind == LANDLOCK or landlock.is_known(),
    }
    python = [*interpreter.command(), json.dumps(settings)]
    if self.kind == LANDLOCK:
      return python, interpreter.VARIABLES
    return [
      *bubblewrap.command(readable, interpreter.VARIABLES), *python
    ], {}  # fmt: skip


def _describe(tests: jobs.Tests) -> dict[str, Any]:
  return {
    "setup": tests.setup, "tests": tests.code, "names": list(tests.names)
  }  # fmt: skip
