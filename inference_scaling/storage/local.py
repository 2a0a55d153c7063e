"""A folder of a local file system, or of one that hosts share."""

import contextlib
import os
import pathlib
import secrets

_CHUNK = 1 << 16


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
    self.url = str(pathlib.Path(str(url).removeprefix("file://")).absolute())
    self._root = pathlib.Path(self.url)
    self._whole: set[str] = set()  # logs without a cut line at their end

  def read(self, name: str) -> bytes | None:
    """Reads a file; None where there is none."""
    with self._told("read", name):
      try:
        return (self._root / name).read_bytes()
      except FileNotFoundError:
        return None

  def write(self, name: str, data: bytes) -> None:
    """Replaces a file; a reader sees the old one or the new one, whole."""
    with self._told("write", name), self._draft(name, data) as draft:
      os.replace(draft, self._root / name)

  def create(self, name: str, data: bytes) -> bool:
    """Makes a file, unless it is there; of many callers one gets True."""
    with self._told("write", name), self._draft(name, data) as draft:
      try:
        os.link(draft, self._root / name)
      except FileExistsError:
        return False
      return True

  def append(self, name: str, data: bytes) -> None:
    """Adds whole lines to a log; they are safe when this returns."""
    path = self._root / name
    with self._told("write", name):
      path.parent.mkdir(parents=True, exist_ok=True)
      with path.open("ab", buffering=0) as file:
        if name not in self._whole:
          _drop_cut_line(path, file)
          self._whole.add(name)
        size = os.fstat(file.fileno()).st_size
        try:
          left = memoryview(data)
          while left:
            left = left[file.write(left) :]
          os.fsync(file.fileno())
        except OSError:
          # A part of the lines may be there; shrinking needs no space.
          with contextlib.suppress(OSError):
            os.ftruncate(file.fileno(), size)
          raise

  def read_from(self, name: str, position: int) -> tuple[bytes, int]:
    """Reads whole lines of a log from a position, 0 or one that this returned.

    Args:
      name: of the log; nothing is in one that is missing.
      position: where to begin.

    Returns:
      The lines, and the next position.
    """
    with self._told("read", name):
      try:
        with (self._root / name).open("rb") as file:
          file.seek(position)
          data = file.read()
      except FileNotFoundError:
        return b"", position
    whole = data[: data.rfind(b"\n") + 1]
    return whole, position + len(whole)

  def list(self, folder: str) -> list[str]:
    """Names of the files and logs directly in a folder, sorted."""
    with self._told("read", folder):
      try:
        entries = list(os.scandir(self._root / folder))
      except FileNotFoundError:
        return []
    return sorted(
      entry.name
      for entry in entries
      if not entry.name.startswith(".") and entry.is_file()
    )

  def delete(self, name: str) -> None:
    """Takes a file or a log away; nothing where there is none."""
    with self._told("delete", name):
      (self._root / name).unlink(missing_ok=True)

  @contextlib.contextmanager
  def _draft(self, name: str, data: bytes):
    """A file with some data beside the one that it is to become."""
    path = self._root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
      with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
      yield draft
    finally:
      draft.unlink(missing_ok=True)

  @contextlib.contextmanager
  def _told(self, what: str, name: str):
    """Names the file in errors of the system."""
    try:
      yield
    except OSError as error:
      raise OSError(
        error.errno,
        f"cannot {what} {self._root / name}: {error.strerror}. Free space, or "
        "see to the rights of the folder",
      ) from error


def _drop_cut_line(path: pathlib.Path, file) -> None:
  """Shortens a log to its whole lines: an earlier writer was killed."""
  size = os.fstat(file.fileno()).st_size
  end = size
  with path.open("rb") as reader:
    while end:
      start = max(0, end - _CHUNK)
      reader.seek(start)
      last = reader.read(end - start).rfind(b"\n")
      if last >= 0:
        end = start + last + 1
        break
      end = start
  if end < size:
    os.ftruncate(file.fileno(), end)
