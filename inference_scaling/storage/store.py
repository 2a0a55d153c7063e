"""What driver and workers of a sweep ask of the storage that they share."""

from typing import Protocol


class Store(Protocol):
  """Named files; a name may have folders, which are made as needed.

  A log is a file that lines are added to, by one writer. No part of a name
  begins with a dot: such files are the store's own. All methods raise an
  OSError that names the file where the storage fails.

  Attributes:
    url: of the folder that names are relative to.
  """

  url: str

  def read(self, name: str) -> bytes | None:
    """Reads a file that is no log; None where there is none."""
    ...

  def write(self, name: str, data: bytes) -> None:
    """Replaces a file; a reader sees the old one or the new one, whole."""
    ...

  def create(self, name: str, data: bytes) -> bool:
    """Makes a file, unless it is there; of many callers one gets True."""
    ...

  def append(self, name: str, data: bytes) -> int:
    """Adds whole lines to a log; they are safe when this returns.

    After an error the log may hold the lines, or the first of them: whoever
    adds them again may find them twice.

    Returns:
      The position behind them, for `read_from`.
    """
    ...

  def read_from(self, name: str, position: int) -> tuple[bytes, int]:
    """Reads whole lines of a log from a position, 0 or one that this returned.

    Args:
      name: of the log; nothing is in one that is missing.
      position: where to begin.

    Returns:
      The lines, and the next position.
    """
    ...

  def list(self, folder: str) -> list[str]:
    """Names of the files and logs directly in a folder, sorted; "" is all."""
    ...

  def delete(self, name: str) -> None:
    """Takes a file or a log away; nothing where there is none."""
    ...


def check_name(name: str) -> str:
  """Checks the name of a file, or of a folder that has one.

  Args:
    name: its parts are divided by "/".

  Returns:
    The name.

  Raises:
    ValueError: if a part is empty or begins with a dot.
  """
  if any(part[:1] in ("", ".") for part in name.split("/")):
    raise ValueError(
      f"{name!r} names no file of a store; expected parts with '/' between "
      "them, none of which is empty or begins with a dot, such as claims/task"
    )
  return name
