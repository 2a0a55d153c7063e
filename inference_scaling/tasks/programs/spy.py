"""Tries to get out of a box, and says what it could do.

`probe` runs this as any other program, before it trusts a box. It is also what
the tests of boxes try one by one.
"""

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any


def spy(secret: str, parent: int, folders: Sequence[str]) -> list[str]:
  """Tries each way once.

  Args:
    secret: path of a file of the parent's.
    parent: its process id.
    folders: where it could write.

  Returns:
    What succeeded; nothing in a box that holds.
  """
  ways: dict[str, Callable[[], Any]] = {
    "read a file of the parent's": lambda: open(secret).read(),
    "read the parent's variables": lambda: open(
      f"/proc/{parent}/environ", "rb"
    ).read(),
    "read the parent's memory": lambda: open(f"/proc/{parent}/mem", "rb"),
    "open a socket": socket.socket,
    "open a raw socket": lambda: socket.socket(
      socket.AF_PACKET, socket.SOCK_RAW
    ),
    "signal another process": lambda: os.kill(parent, 0),
    "signal all processes": lambda: os.kill(-1, 0),
    "signal its group": lambda: os.killpg(0, 0),
    "start a process": _fork,
    "start a program": lambda: os.execv("/bin/sh", ["sh", "-c", "exit"]),
    "start a thread": threading.Thread(target=int).start,
    "look into another process": lambda: _call("ptrace", 16, parent, 0, 0),
    "leave its namespaces": lambda: _call("unshare", 0x10000000),
    "mount": lambda: _call("mount", b"none", b"/", b"tmpfs", 0, 0),
    "change the rights of a file": lambda: os.chmod(secret, 0o777),
    "take more memory": lambda: bytearray(8 << 30),
    "keep files in memory": lambda: os.memfd_create("file"),
  }
  for folder in folders:
    ways[f"write to {folder}"] = lambda at=folder: open(f"{at}/x", "w")
    ways[f"make a folder in {folder}"] = lambda at=folder: os.mkdir(f"{at}/y")
    ways[f"link in {folder}"] = lambda at=folder: os.symlink("/", f"{at}/z")
  ways["delete"] = lambda: os.remove(secret)
  return [name for name, way in ways.items() if _succeeds(way)]


def _succeeds(way: Callable[[], Any]) -> bool:
  try:
    way()
  except (OSError, RuntimeError, MemoryError):
    return False
  return True


def _fork() -> None:
  if not os.fork():
    os._exit(0)


def _call(name: str, *arguments: Any) -> None:
  """Calls a function of the C library that says by -1 that it failed."""
  if getattr(ctypes.CDLL(None), name)(*arguments) == -1:
    raise OSError
