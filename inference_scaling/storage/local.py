"""A folder of a local file system, or of one that hosts share."""

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator

from inference_scaling import json_lines
from inference_scaling.storage import files
from inference_scaling.storage import store as store_lib

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class LocalStore:
  """Files of a folder.

  What was appended is on the disk. A file is made under its name at once and
  whole, by a hard link, which holds on NFS too.

  Attributes:
    url: path of the folder.
  """

  def __init__(self, url: str | pathlib.Path):
    """Takes a folder, which is made when something is written.

    Args:
      url: its path, or file:// and its path.
    """
    path = pathlib.Path(str(url).removeprefix("file://"))
    self._root = path.expanduser().absolute()
    self.url = str(self._root)
    self._whole: set[str] = set()  # logs without a cut line at their end

  def read(self, name: str) -> bytes | None:
    """Reads a file; None where there is none."""
    with self._told("read", name) as path:
      return files.read(path, 0)

  def write(self, name: str, data: bytes) -> None:
    """Replaces a file; a reader sees the old one or the new one, whole."""
    with self._told("write", name) as path:
      files.replace(path, [data])

  def create(self, name: str, data: bytes) -> bool:
    """Makes a file, unless it is there; of many callers one gets True."""
    with self._told("write", name) as path, files.draft(path, [data]) as draft:
      try:
        os.link(draft, path)
      except FileExistsError:
        # NFS sends a request again whose answer was lost: it may be ours.
        return draft.stat().st_nlink == 2
      except OSError as error:
        if error.errno in _NO_LINKS:
          raise OSError(
            errno.EOPNOTSUPP,
            "its file system has no hard links, by which one of many makes a "
            f"file ({error.strerror})",
          ) from error
        raise
      return True

  def append(self, name: str, data: bytes) -> int:
    """Adds whole lines to a log; as `Store.append`."""
    with self._told("write", name) as path:
      path.parent.mkdir(parents=True, exist_ok=True)
      new = not path.exists()
      with path.open("ab", buffering=0) as file:
        if name not in self._whole:
          files.drop_cut_line(path, file)
        # Only a cut line may go: whole ones may have been read already.
        self._whole.discard(name)
        try:
          left = memoryview(data)
          while left:
            left = left[file.write(left) :]
          os.fsync(file.fileno())
          position = os.fstat(file.fileno()).st_size
        except OSError:
          with contextlib.suppress(OSError):  # shrinking needs no space
            files.drop_cut_line(path, file)
          raise
      if new:
        json_lines.sync_folder(path.parent)
      self._whole.add(name)
    return position

  def read_from(self, name: str, position: int) -> tuple[bytes, int]:
    """Reads whole lines of a log from a position; as `Store.read_from`."""
    with self._told("read", name) as path:
      data = files.read(path, position) or b""
    whole = data[: data.rfind(b"\n") + 1]
    return whole, position + len(whole)

  def list(self, folder: str) -> list[str]:
    """Names of the files and logs directly in a folder, sorted; "" is all."""
    with self._told("read", folder or None) as path:
      try:
        with os.scandir(path) as entries:
          return sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".") and entry.is_file()
          )
      except FileNotFoundError:
        return []

  def delete(self, name: str) -> None:
    """Takes a file or a log away; nothing where there is none."""
    with self._told("delete", name) as path:
      path.unlink(missing_ok=True)

  @contextlib.contextmanager
  def _told(self, what: str, name: str | None) -> Iterator[pathlib.Path]:
    """The path of a name, with errors of the system that name it."""
    path = self._root
    if name is not None:
      path /= store_lib.check_name(name)
    with files.told(what, path):
      yield path
