"""A log of this machine and the log in a store that it is a mirror of.

The first bytes of the local file are the lines that both have; what stands
behind them is of this machine alone. A file that was written anew, as records
are that vote again, has no such bytes: the store then gets a log of another
name, and its manifest says so.
"""

import dataclasses
import hashlib
import io
import pathlib
from collections.abc import Callable, Hashable, Iterator
from typing import BinaryIO

from inference_scaling.storage import files
from inference_scaling.storage import store as store_lib

# What two lines have in common that are of the same thing.
Key = Callable[[bytes], Hashable]
_CHUNK = 1 << 25  # bytes that are sent or read at a time


@dataclasses.dataclass(frozen=True)
class Synced:
  """What a local file and a log of a store have in common.

  Attributes:
    log: name in the store.
    position: up to which it was read or written.
    size: bytes of the local file that are the same lines.
    sha256: digest of these bytes.
  """

  log: str
  position: int = 0
  size: int = 0
  sha256: str = hashlib.sha256().hexdigest()


class MirroredLog:
  """One log on both sides.

  Attributes:
    path: the local file.
    synced: what both sides have; to be kept when it has changed.
  """

  def __init__(
    self, store: store_lib.Store, path: pathlib.Path, key: Key, synced: Synced
  ):
    """Takes what an earlier process knew.

    Args:
      store: of the other side.
      path: the local file.
      key: of a line; of two lines with one key, one is kept.
      synced: what both had then.
    """
    self.path, self.synced = path, synced
    self._store, self._key = store, key

  def pull(self, log: str, others: bytes = b"") -> None:
    """Takes lines of the store that are not in the local file.

    Args:
      log: name in the store.
      others: lines that are in the store, but not in this log.
    """
    is_empty = not (self.path.exists() and self.path.stat().st_size)
    if log != self.synced.log or is_empty:
      self.synced = Synced(log)
    lines, position = self._store.read_from(log, self.synced.position)
    if not (lines or others):
      return
    if self._digest().hexdigest() != self.synced.sha256:  # written anew
      self.synced = Synced(log)
      lines, position = self._store.read_from(log, 0)
    size, digest = self._merge(lines, others)
    self.synced = Synced(log, position, size, digest)

  def push(self, new_log: str) -> Iterator[None]:
    """Sends lines that are only in the local file.

    Args:
      new_log: name in the store of a log that gets all lines, where the local
        file was written anew.

    Yields:
      After each request.
    """
    digest = self._digest()
    if digest.hexdigest() != self.synced.sha256:
      self.synced, digest = Synced(new_log), hashlib.sha256()
    for lines in self._own():
      position = self._store.append(self.synced.log, lines)
      digest.update(lines)
      size = self.synced.size + len(lines)
      log = self.synced.log
      self.synced = Synced(log, position, size, digest.hexdigest())
      yield

  def _digest(self) -> "hashlib._Hash":
    """Digest of what stands where both sides had the same."""
    digest = hashlib.sha256()
    for piece in self._common():
      digest.update(piece)
    return digest

  def _merge(self, lines: bytes, others: bytes) -> tuple[int, str]:
    """Writes the local file with the store's new lines before its own.

    Returns:
      Size and digest of what both sides have then.
    """
    keys: set[Hashable] = set()
    # A request whose answer was lost is sent again: lines may come twice.
    common = list(self._common())
    self._new(keys, b"".join(common))
    common += self._new(keys, lines)
    rest = self._new(keys, b"".join(self._own())) + self._new(keys, others)
    with files.told("write", self.path):
      files.replace(self.path, [*common, *rest])
    data = b"".join(common)
    return len(data), hashlib.sha256(data).hexdigest()

  def _new(self, keys: set[Hashable], lines: bytes) -> list[bytes]:
    """Lines whose keys are not among some, which are then."""
    new = []
    for line in lines.splitlines(keepends=True):
      key = self._key_of(line)
      if key not in keys:
        keys.add(key)
        new.append(line)
    return new

  def _key_of(self, line: bytes) -> Hashable:
    try:
      return self._key(line)
    except (LookupError, TypeError, ValueError):
      return line  # whoever reads the file says what is wrong with it

  def _common(self) -> Iterator[bytes]:
    """Yields the bytes of the local file that both sides have."""
    left = self.synced.size
    with self._opened() as file:
      while piece := file.read(min(left, _CHUNK)):
        left -= len(piece)
        yield piece

  def _own(self) -> Iterator[bytes]:
    """Yields whole lines behind these, many at a time."""
    with self._opened() as file:
      file.seek(self.synced.size)
      while lines := file.readlines(_CHUNK):
        if not lines[-1].endswith(b"\n"):
          lines.pop()  # a kill has cut it, or it is being written
        if lines:
          yield b"".join(lines)

  def _opened(self) -> BinaryIO:
    """The local file; an empty one where there is none."""
    return self.path.open("rb") if self.path.exists() else io.BytesIO()
