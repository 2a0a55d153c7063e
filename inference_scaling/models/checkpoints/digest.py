"""Digests of checkpoints: whether two of them compute the same."""

import hashlib
import pathlib

from inference_scaling.models.checkpoints import checkpoint as checkpoint_lib

# Of a larger file the name, the size and both ends are hashed: reading the
# tens of gigabytes of a 34B model would take minutes at each start.
_WHOLE = 1 << 30
_ENDS = 1 << 20


def sha256(checkpoint: checkpoint_lib.Checkpoint, source: str) -> str:
  """Digest of the files that decide what a model computes.

  Args:
    checkpoint: opened.
    source: what it was opened by; a random model has no files and is known by
      its name alone.

  Returns:
    Hexadecimal digits.
  """
  files = checkpoint.files()
  digest = hashlib.sha256(b"" if files else source.encode())
  for path in files:
    digest.update(f"{path.name} {_of_file(path)}\n".encode())
  return digest.hexdigest()


def _of_file(path: pathlib.Path) -> str:
  size = path.stat().st_size
  with path.open("rb") as file:
    if size <= _WHOLE:
      return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256(str(size).encode())
    digest.update(file.read(_ENDS))
    file.seek(-_ENDS, 2)
    digest.update(file.read())
    return digest.hexdigest()
