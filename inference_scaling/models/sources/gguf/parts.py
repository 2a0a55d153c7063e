"""Models that are split over several GGUF files, as gguf-split writes them.

The first part holds all metadata, and every part its own number. The parts are
found by their names, NAME-00001-of-00003.gguf and so on.
"""

import functools
import mmap
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from inference_scaling.models.sources.gguf import header, values

_PREFIX = "split."
_COUNT, _NUMBER, _TENSORS = _KEYS = (
  "split.count", "split.no", "split.tensors.count"
)  # fmt: skip
_FEW = 8  # missing parts that are named


def read_header(path: str | pathlib.Path) -> header.Header:
  """Reads what a GGUF file says of itself; of a split one, all its parts.

  Args:
    path: the file, or any part of a split one.

  Returns:
    Metadata and locations of the tensors.

  Raises:
    FileNotFoundError: where there is no such file, or a part of it is missing.
    ValueError: where a file is cut or no GGUF file, or parts do not belong
      together.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise FileNotFoundError(f"{path} does not exist; expected a GGUF file.")
  paths = _find(path, _read_part(path).metadata)
  parts = [_read_part(path) for path in paths]
  return _join(parts) if len(parts) > 1 else parts[0]


def _read_part(path: pathlib.Path) -> header.Header:
  status = path.stat()
  return _read_file(path, status.st_size, status.st_mtime_ns)


# Config, tensors and tokenizer are read one after the other. Size and time are
# there to notice that a file was replaced.
@functools.lru_cache(maxsize=4)
def _read_file(path: pathlib.Path, size: int, time: int) -> header.Header:
  del time
  try:
    with path.open("rb") as file:
      if not size:
        raise ValueError("it is empty")
      with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return header.Reader(data, path).read()
  except ValueError as error:
    raise ValueError(
      f"{path} is not a whole GGUF file ({error}); it has {size} bytes and may "
      "be cut. Copy it again."
    ) from error


def _find(
  path: pathlib.Path, metadata: Mapping[str, Any]
) -> list[pathlib.Path]:
  """Lists all parts of the model that a file is of, in order."""
  unknown = [k for k in metadata if k.startswith(_PREFIX) and k not in _KEYS]
  if unknown:
    raise ValueError(f"{path}: unknown keys: {', '.join(sorted(unknown))}.")
  count = metadata.get(_COUNT, 1)
  values.hold(_COUNT, count, values.is_whole, "a number of parts", str(path))
  if count <= 1:
    return [path]
  match = re.fullmatch(r"(.*)-(\d{5})-of-(\d{5})(\.gguf)", path.name, re.I)
  if match is None or int(match[3]) != count:
    raise ValueError(
      f"{path}: {_COUNT} is {count}, and the other parts are found by name. "
      f"Name them all alike, such as model-00001-of-{count:05}.gguf."
    )
  paths = [
    path.with_name(f"{match[1]}-{i:05}-of-{match[3]}{match[4]}")
    for i in range(1, count + 1)
  ]
  missing = [path.name for path in paths if not path.is_file()]
  if missing:
    more = f" and {len(missing) - _FEW} more" if len(missing) > _FEW else ""
    raise FileNotFoundError(
      f"{path}: {_COUNT} is {count}, and parts are missing beside it: "
      f"{', '.join(missing[:_FEW])}{more}. Copy them into the same folder."
    )
  return paths


def _join(parts: list[header.Header]) -> header.Header:
  """Puts the tensors of all parts together; the first has the metadata."""
  joined: dict[str, header.Tensor] = {}
  paths = [path for part in parts for path in part.files]
  for index, part in enumerate(parts):
    for key, value in ((_COUNT, len(parts)), (_NUMBER, index)):
      if part.metadata.get(key) != value:
        raise ValueError(
          f"{paths[index]}: {key} is {part.metadata.get(key)!r}; expected "
          f"{value}, by its name. Copy the parts of the model again."
        )
    twice = sorted(set(joined) & set(part.tensors))
    if twice:
      raise ValueError(
        f"{paths[index]} holds tensors that an earlier part holds too: "
        f"{', '.join(twice)}. Copy the parts of the model again."
      )
    joined |= part.tensors
  total = parts[0].metadata.get(_TENSORS, len(joined))
  if total != len(joined):
    raise ValueError(
      f"{paths[0]}: {_TENSORS} is {total!r}, but the parts hold {len(joined)}. "
      "Copy the parts of the model again."
    )
  return header.Header(parts[0].metadata, joined, tuple(paths))
