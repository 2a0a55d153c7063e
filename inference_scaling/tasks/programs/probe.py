"""Finds a box that holds, by trying to break out of it."""

import os
import pathlib
import tempfile

from inference_scaling.tasks.programs import (
  bubblewrap,
  jobs,
  sandbox,
)
from inference_scaling.tasks.programs import limits as limits_lib
from inference_scaling.tasks.programs.inside import (
  landlock,
  seccomp,
)

_SPY = pathlib.Path(__file__).with_name("spy.py")


def choose(limits: limits_lib.Limits = limits_lib.DEFAULT) -> sandbox.Sandbox:
  """Makes a sandbox of the first kind that holds on this machine.

  Args:
    limits: of each program.

  Returns:
    The sandbox.

  Raises:
    jobs.SandboxError: if no kind holds, with the reason of each.
  """
  reasons = []
  for kind in sandbox.KINDS:
    box = sandbox.Sandbox(kind, limits)
    reason = lacks(kind) or breach(box)
    if not reason:
      return box
    reasons.append(f"{kind}: {reason}")
  raise jobs.SandboxError(
    "programs of models are run in a sandbox only, and none holds on this "
    f"machine ({'; '.join(reasons)}). Expected Linux on x86_64 or aarch64 with "
    "bubblewrap that may make namespaces (apt install bubblewrap), or with a "
    f"kernel that has Landlock {landlock.LEAST_VERSION} or newer. Install one, "
    "or take a task without programs."
  )


def breach(box: sandbox.Sandbox) -> str:
  """Sends a spy into a box.

  Args:
    box: the sandbox.

  Returns:
    What it could do there, or why no box started; "" if the box holds.
  """
  with tempfile.TemporaryDirectory() as folder:
    secret = pathlib.Path(folder, "secret")
    secret.write_text("secret")
    folders = [folder, "/", "/tmp", "/dev/shm", os.getcwd(), str(_SPY.parent)]
    tests = jobs.Tests(
      "",
      f"done = spy({str(secret)!r}, {os.getpid()}, {folders!r})\n"
      "assert not done, done",
      ("spy",),
    )
    try:
      verdict = box.examine(_SPY.read_text(encoding="utf-8"), tests)
    except (jobs.SandboxError, OSError) as error:
      return str(error)
  return "" if verdict.passed else f"it does not hold: {verdict.why}"


def lacks(kind: str) -> str:
  """Says what a kind of box lacks on this machine.

  Args:
    kind: one of `sandbox.KINDS`.

  Returns:
    What is missing; "" for nothing.
  """
  if not seccomp.is_known():
    return "system calls of this kind of machine are not listed"
  if kind == sandbox.BUBBLEWRAP and bubblewrap.program() is None:
    return "bwrap is not installed"
  if kind == sandbox.LANDLOCK and not landlock.is_known():
    return f"the kernel has Landlock {landlock.version()}"
  return ""
