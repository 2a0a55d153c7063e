"""What driver and workers of a sweep ask of the storage that they share."""

import pathlib
from typing import Protocol

from inference_scaling.storage import local


class Store(Protocol):
  """Named files; a name may have folders, which are made as needed.

  A log is a file that lines are added to, by one writer.

  Attributes:
    url: of the folder that names are relative to.
  """

  url: str

  def read(self, name: str) -> bytes | None:
    """Reads a file; None where there is none."""
    ...

  def write(self, name: str, data: bytes) -> None:
    """Replaces a file; a reader sees the old one or the new one, whole."""
    ...

  def create(self, name: str, data: bytes) -> bool:
    """Makes a file, unless it is there; of many callers one gets True."""
    ...

  def append(self, name: str, data: bytes) -> None:
    """Adds whole lines to a log; they are safe when this returns."""
    ...

  def read_from(self, name: str, position: int) -> tuple[bytes, int]:
    """Reads whole lines of a log from a position, 0 or one that this returned.

    Returns:
      The lines, and the next position.
    """
    ...

  def list(self, folder: str) -> list[str]:
    """Names of the files and logs directly in a folder, sorted."""
    ...

  def delete(self, name: str) -> None:
    """Takes a file or a log away; nothing where there is none."""
    ...


def open_store(url: str | pathlib.Path) -> Store:
  """Opens the storage of a path or an address.

  Args:
    url: a path, or an address such as s3://bucket/folder.

  Returns:
    The store.
  """
  return local.LocalStore(url)
