"""An object store, through the packages that fsspec opens it with.

Objects are written whole, or not at all, and cannot grow. A log is therefore a
folder of objects, each with the lines of one call:

  claims/TASK                       a file
  records/LOG.lines/000000          a log
  records/LOG.lines/000001
"""

import contextlib
import dataclasses
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from fsspec import core

from inference_scaling.storage import store as store_lib

_LOG = ".lines"  # end of a log's folder
_MOST_PARTS = 64  # of a log, read at a time
_TRIES = 5
_WRITER = "writer"  # metadata of an object that was made exclusively
# Some stores in memory look for an object and then write it.
_CREATING = threading.Lock()


@dataclasses.dataclass(frozen=True)
class _Kind:
  """Stores of which it is known that they can make an object exclusively.

  Attributes:
    package: that opens them.
    metadata: keyword of an object's metadata; "" where there are none.
  """

  package: str
  metadata: str


_S3, _GCS = _Kind("s3fs", "Metadata"), _Kind("gcsfs", "metadata")
_KINDS = {
  "s3": _S3, "s3a": _S3, "gs": _GCS, "gcs": _GCS, "memory": _Kind("fsspec", ""),
}  # fmt: skip


class ObjectStore:
  """Objects of a bucket, or of a folder in one.

  Attributes:
    url: address of the folder.
  """

  def __init__(self, url: str):
    """Opens a folder of a store; nothing is sent yet.

    Args:
      url: its address, such as s3://bucket/folder.

    Raises:
      OSError: if the package that opens it is missing, or files cannot be made
        exclusively in stores of this kind.
    """
    self.url = url.rstrip("/")
    protocol = url.partition("://")[0]
    kind = _KINDS.get(protocol)
    if kind is None:
      raise OSError(
        f"{url} is in a store of the kind {protocol!r}, of which it is not "
        "known that only one of many writers can make a file; expected a path "
        f"or {', '.join(f'{known}://' for known in _KINDS)}"
      )
    self._kind = kind
    try:
      # What was listed must not be remembered: others write, too.
      self._system, root = core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
      raise OSError(
        f"{url} cannot be opened: {error}. Run: pip install {kind.package}"
      ) from error
    self._root = root.rstrip("/")
    self._next: dict[str, int] = {}  # part of each log that comes next
    self._is_exclusive = False  # whether that was tried

  def read(self, name: str) -> bytes | None:
    """Reads a file that is no log; None where there is none."""
    with self._told("read", name) as path:
      try:
        return self._system.cat_file(path)
      except FileNotFoundError:
        return None

  def write(self, name: str, data: bytes) -> None:
    """Replaces a file; a reader sees the old one or the new one, whole."""
    with self._told("write", name) as path:
      self._system.pipe_file(path, data)

  def create(self, name: str, data: bytes) -> bool:
    """Makes a file, unless it is there; of many callers one gets True."""
    with self._told("write", name) as path:
      return self._create(path, data)

  def append(self, name: str, data: bytes) -> int:
    """Adds whole lines to a log; as `Store.append`."""
    with self._told("write", name) as path:
      part = self._next.get(name)
      if part is None:
        parts = self._ls(f"{path}{_LOG}")
        part = max((int(base) + 1 for base in parts), default=0)
      # An object may be there after an error that came behind its writing.
      while not self._create(_part(path, part), data):
        part += 1
      self._next[name] = part + 1
    return part + 1

  def read_from(self, name: str, position: int) -> tuple[bytes, int]:
    """Reads lines of a log; a position is the number of a part."""
    parts: list[bytes] = []
    # One request where nothing is new; many at once where much is.
    count, is_last = 1, False
    with self._told("read", name) as path:
      while not is_last:
        start = position + len(parts)
        more = self._cat([_part(path, start + i) for i in range(count)])
        parts += more
        is_last = len(more) < count
        count = min(2 * count, _MOST_PARTS)
    return b"".join(parts), position + len(parts)

  def list(self, folder: str) -> list[str]:
    """Names of the files and logs directly in a folder, sorted; "" is all."""
    with self._told("read", folder or None) as path:
      names = [
        base.removesuffix(_LOG) if is_folder else base
        for base, is_folder in self._ls(path).items()
        if not base.startswith(".") and (base.endswith(_LOG) or not is_folder)
      ]
    return sorted(names)

  def delete(self, name: str) -> None:
    """Takes a file or a log away; nothing where there is none."""
    with self._told("delete", name) as path:
      self._next.pop(name, None)
      with contextlib.suppress(FileNotFoundError):
        self._system.rm_file(path)
      if parts := self._ls(f"{path}{_LOG}"):
        with contextlib.suppress(FileNotFoundError):
          self._system.rm([f"{path}{_LOG}/{part}" for part in parts])

  def _create(self, path: str, data: bytes) -> bool:
    """As `create`, once it is known that the store keeps to it."""
    if not self._is_exclusive:
      probe = f"{self._root}/.probe-{secrets.token_hex(6)}"
      try:
        made = [self._create_once(probe, b"") for _ in range(2)]
      finally:
        with contextlib.suppress(FileNotFoundError):
          self._system.rm_file(probe)
      if made != [True, False]:
        raise OSError(
          "the store writes over an object that was to be made only if it is "
          "missing (If-None-Match: *), so that two workers could take one task"
        )
      self._is_exclusive = True
    return self._create_once(path, data)

  def _create_once(self, path: str, data: bytes) -> bool:
    """Makes an object, unless it is there."""
    writer = secrets.token_hex(8)
    mark: dict[str, Any] = {}
    if self._kind.metadata:
      mark[self._kind.metadata] = {_WRITER: writer}
    for left in reversed(range(_TRIES)):
      try:
        with _CREATING:
          self._system.pipe_file(path, data, mode="create", **mark)
        return True
      except FileExistsError:
        # Requests are sent again whose answers were lost: it may be ours.
        return bool(mark) and self._writer(path) == writer
      except OSError as error:
        if not (left and _is_conflict(error)):
          raise
        time.sleep(0.1)
    raise AssertionError("the last try returns or raises")

  def _writer(self, path: str) -> str | None:
    """The mark of the call that made an object."""
    try:
      return self._system.getxattr(path, _WRITER)
    except (FileNotFoundError, KeyError):
      return None

  def _cat(self, paths: Sequence[str]) -> Sequence[bytes]:
    """Objects up to the first one that is missing."""
    parts = []
    answers = self._system.cat(paths, on_error="return")
    for path in paths:
      answer = answers[path]
      if isinstance(answer, FileNotFoundError):
        break
      if isinstance(answer, BaseException):
        raise answer
      parts.append(answer)
    return parts

  def _ls(self, path: str) -> dict[str, bool]:
    """Whether each name directly in a folder is itself a folder."""
    try:
      entries = self._system.ls(path, detail=True, refresh=True)
    except FileNotFoundError:
      return {}
    start = f"{path.strip('/')}/"
    names = {
      entry["name"].strip("/").removeprefix(start): entry["type"] == "directory"
      for entry in entries
      if entry["name"].strip("/").startswith(start)
    }
    return {name: is_folder for name, is_folder in names.items() if name}

  @contextlib.contextmanager
  def _told(self, what: str, name: str | None) -> Iterator[str]:
    """The path of a name, with errors of the store that name it.

    The packages raise what theirs raise: not all of it is an OSError.
    """
    end = "" if name is None else f"/{store_lib.check_name(name)}"
    try:
      yield f"{self._root}{end}"
    except Exception as error:
      why = str(error) or type(error).__name__
      raise OSError(
        f"cannot {what} {self.url}{end}: {why}. See to bucket, credentials and "
        f"network, which are those that {self._kind.package} knows"
      ) from error


def _part(path: str, number: int) -> str:
  return f"{path}{_LOG}/{number:06d}"


def _is_conflict(error: OSError) -> bool:
  """Whether S3 could not tell which of two came first; it says: try again."""
  answer = getattr(error.__cause__, "response", None) or {}
  return answer.get("Error", {}).get("Code") == "ConditionalRequestConflict"
