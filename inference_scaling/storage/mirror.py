"""A folder of this machine that stands for one in a store.

A sweep writes to local files: its records are appended to one by one, locked,
and on the disk. `pull` brings them up to date before it begins, and `push`
sends what is new. A kill at any time loses no line of a log: lines are only
ever added to the other side, and what both sides have is written down after it
is so.

In the store lie, beside the files and logs:

  mirror.json       an id, and the name of each log that was written anew

and in the local folder:

  .mirror.json      what both sides have
  .mirror.lock      locked by the one process that uses the folder
"""

import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import secrets
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from inference_scaling.storage import files, mirrored_log
from inference_scaling.storage import store as store_lib

_MANIFEST, _STATE, _LOCK = "mirror.json", ".mirror.json", ".mirror.lock"


def default_folder(url: str) -> pathlib.Path:
  """Where the mirror of an address is, unless another place is given.

  Args:
    url: of the folder in a store.

  Returns:
    A folder in the user's cache, which need not exist.
  """
  cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  url = url.rstrip("/")
  name = (
    f"{url.rpartition('/')[2]}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
  )
  return (
    pathlib.Path(cache).expanduser() / "inference_scaling" / "mirrors" / name
  )


class Mirror:
  """A local folder and its other side; use as a context manager.

  Attributes:
    folder: the local one.
  """

  def __init__(
    self,
    store: store_lib.Store,
    folder: str | pathlib.Path,
    logs: Mapping[str, mirrored_log.Key],
    *,
    skip: Collection[str] = (),
  ):
    """Claims the local folder, which is made where missing.

    Args:
      store: of the other side.
      folder: the local one.
      logs: files that lines are added to, by their names in the folder; of two
        lines for which the function gives the same value, one is kept.
      skip: folders in it that are on one side alone.

    Raises:
      OSError: if it cannot be made, or another process uses it.
    """
    self.folder = pathlib.Path(folder)
    self._store, self._skip = store, skip
    with files.told("use", self.folder):
      self.folder.mkdir(parents=True, exist_ok=True)
      self._lock = (self.folder / _LOCK).open("ab")
    try:
      fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      self._lock.close()
      raise OSError(
        f"another process works in {self.folder}, the mirror of {store.url}. "
        "Wait for it to end"
      ) from error
    except OSError:
      pass  # a file system without locks
    state = self._read_state()
    self._id: str | None = state.get("id")
    self._files: dict[str, str] = state.get("files", {})  # digests
    self._stamps: dict[str, tuple[int, int]] = {}  # of files known as the same
    known = state.get("logs", {})
    self._logs = {
      name: mirrored_log.MirroredLog(
        store, self.folder / name, key,
        mirrored_log.Synced(**known.get(name, {"log": name})),
      )
      for name, key in logs.items()
    }  # fmt: skip

  def __enter__(self) -> "Mirror":
    return self

  def __exit__(self, *unused_exception) -> None:
    self.close()

  def close(self) -> None:
    """Lets others use the folder."""
    self._lock.close()

  def pull(self) -> None:
    """Brings the local folder up to date; nothing may have its logs open.

    Of a log the local lines are kept, and those of the store are added. Of
    another file the local one is kept unless that in the store has changed
    since both were the same. Folders in the store are not looked at: what is
    in them can be made again.

    Raises:
      OSError: if the store or the folder fails.
    """
    manifest = self._read_manifest()
    if manifest is None or manifest["id"] != self._id:
      self._forget()
    for name in self._store.list(""):
      if name != _MANIFEST and not name.startswith(tuple(self._logs)):
        self._pull_file(name)
    for name, log in self._logs.items():
      if manifest is None:
        # Somebody may have put the file of a log into the store.
        log.pull(name, self._store.read(name) or b"")
      else:
        log.pull(manifest["logs"].get(name, name))
    if manifest is not None:
      self._id = manifest["id"]
    self._write_state()

  def push(self) -> None:
    """Sends files that have changed, and lines that are new.

    What is not a log is sent first: a kill then leaves no records in the store
    without the config that they belong to. Nothing is deleted from the store
    but logs that were written anew.

    Raises:
      OSError: if the store or the folder fails; what was sent stays sent.
    """
    manifest = self._read_manifest()
    if manifest is None:
      if self._id is not None:  # the store was emptied
        self._forget()
      self._id = secrets.token_hex(8)
      manifest = {"id": self._id, "logs": {}}
      self._store.create(_MANIFEST, json.dumps(manifest).encode())
      manifest = self._read_manifest()
    if manifest is None or manifest["id"] != self._id:
      raise OSError(
        f"{self._store.url} has become the folder of another sweep, or another "
        f"machine has begun to use it; what is recorded here is safe in "
        f"{self.folder}. Run the same command again, on one machine at a time"
      )
    for path in self._changed():
      self._push_file(path)
    for name, log in self._logs.items():
      self._push_log(name, log, manifest)
    self._write_state()

  def _push_log(
    self, name: str, log: mirrored_log.MirroredLog, manifest: dict[str, Any]
  ) -> None:
    """Adds what is new to a log of the store, or makes another one."""
    before = manifest["logs"].get(name, name)
    for _ in log.push(f"{name}.{secrets.token_hex(4)}"):
      self._write_state()
    if log.synced.log != before:
      manifest["logs"][name] = log.synced.log
      self._store.write(_MANIFEST, json.dumps(manifest).encode())
      self._write_state()
      self._store.delete(before)

  def _pull_file(self, name: str) -> None:
    data = self._store.read(name)
    if data is None:
      return
    digest, path = hashlib.sha256(data).hexdigest(), self.folder / name
    if digest != self._files.get(name) or not path.exists():
      with files.told("write", path):
        files.replace(path, [data])
    self._files[name] = digest

  def _push_file(self, path: pathlib.Path) -> None:
    name = path.relative_to(self.folder).as_posix()
    status = path.stat()
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != self._files.get(name):
      self._store.write(name, data)
      self._files[name] = digest
    self._stamps[name] = status.st_mtime_ns, status.st_size

  def _changed(self) -> Iterator[pathlib.Path]:
    """Yields files that may have changed since the last push, without logs."""
    for path in sorted(self.folder.rglob("*")):
      name = path.relative_to(self.folder)
      is_own = any(part.startswith(".") for part in name.parts)
      is_log = name.name.startswith(tuple(self._logs)) and len(name.parts) == 1
      if is_own or is_log or name.parts[0] in self._skip:
        continue
      if path.suffix == ".tmp" or not path.is_file():
        continue  # what a kill has left of a file
      status = path.stat()
      stamp = status.st_mtime_ns, status.st_size
      if self._stamps.get(name.as_posix()) != stamp:
        yield path

  def _forget(self) -> None:
    """Takes the other side for one that is not known."""
    self._id, self._files, self._stamps = None, {}, {}
    for name, log in self._logs.items():
      log.synced = mirrored_log.Synced(name)

  def _read_manifest(self) -> dict[str, Any] | None:
    data = self._store.read(_MANIFEST)
    return None if data is None else json.loads(data)

  def _read_state(self) -> dict[str, Any]:
    """What both sides had; nothing where that is not known."""
    try:
      return json.loads((self.folder / _STATE).read_bytes())
    except (FileNotFoundError, ValueError):
      return {}

  def _write_state(self) -> None:
    logs = {
      name: dataclasses.asdict(log.synced) for name, log in self._logs.items()
    }
    state = {"id": self._id, "files": self._files, "logs": logs}
    path = self.folder / _STATE
    with files.told("write", path):
      files.replace(path, [json.dumps(state).encode()])
