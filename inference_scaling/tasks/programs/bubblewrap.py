"""The command that starts a process in namespaces of its own.

It sees folders to read, four devices and nothing else: no other process, no
network, no file of the parent's, and no place to write. Whatever it starts ends
with it.

References:
  https://github.com/containers/bubblewrap
"""

import os
import shutil
from collections.abc import Iterable, Mapping

DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def program() -> str | None:
  """Path of bubblewrap; None where it is not installed."""
  return shutil.which("bwrap")


def command(readable: Iterable[str], variables: Mapping[str, str]) -> list[str]:
  """Makes the head of a command, which the command itself follows.

  Args:
    readable: paths of folders and files that are seen.
    variables: all that the command has.

  Returns:
    Its words.
  """
  words = [
    program() or "bwrap", "--unshare-all", "--die-with-parent", "--new-session",
    "--clearenv", "--cap-drop", "ALL", "--hostname", "box",
  ]  # fmt: skip
  for path in readable:
    # A link such as /lib64 must not be followed: it stays what it is.
    if os.path.islink(path):
      words += ["--symlink", os.readlink(path), path]
    else:
      words += ["--ro-bind-try", path, path]
  for path in DEVICES:
    words += ["--dev-bind", path, path]
  for name, value in variables.items():
    words += ["--setenv", name, value]
  return [*words, "--chdir", "/", "--remount-ro", "/", "--"]
