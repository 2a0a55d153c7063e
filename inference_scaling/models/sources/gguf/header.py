"""What GGUF files say before their data: metadata, and where tensors lie.

Every length and offset is held against the size of the file before it is used:
a cut or damaged file ends in one message.

References:
  "GGUF", docs/gguf.md of github.com/ggml-org/ggml, versions 2 and 3.
"""

import dataclasses
import mmap
import pathlib
import struct
from collections.abc import Callable, Mapping
from typing import Any

import gguf
import numpy as np

from inference_scaling.models.sources import base

Quantization = gguf.GGMLQuantizationType
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT, _ALIGNMENT_KEY = 32, "general.alignment"
# By number of the type: how struct reads one, little-endian.
_SCALARS = {
  0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?",
  10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MAX_AXES = 4  # llama.cpp's own limit
_LENGTH = struct.Struct("<Q")


@dataclasses.dataclass(frozen=True)
class Tensor:
  """Where a tensor is stored.

  Attributes:
    path: the file.
    offset: its first byte there.
    shape: as of Hugging Face, rows first.
    kind: how its numbers are stored; a bare number where that is unknown.
  """

  path: pathlib.Path
  offset: int
  shape: base.Shape
  kind: Quantization | int

  @property
  def num_bytes(self) -> int:
    """How many bytes it has; 0 where the kind is unknown."""
    if not isinstance(self.kind, Quantization):
      return 0
    block, num_bytes = gguf.GGML_QUANT_SIZES[self.kind]
    return int(np.prod(self.shape, dtype=object)) // block * num_bytes

  def rows(self) -> np.ndarray:
    """Maps the stored bytes into memory: uint8[rows, bytes of a row]."""
    rows = int(np.prod(self.shape[:-1], dtype=object))
    shape = (rows, self.num_bytes // rows if rows else 0)
    if 0 in shape:  # an empty stretch cannot be mapped
      return np.zeros(shape, np.uint8)
    return np.memmap(self.path, np.uint8, "r", self.offset, shape)


@dataclasses.dataclass(frozen=True)
class Header:
  """What a GGUF model says before its data.

  Attributes:
    metadata: by key.
    tensors: by GGUF's name.
    files: that hold it; several where it is split.
  """

  metadata: Mapping[str, Any]
  tensors: Mapping[str, Tensor]
  files: tuple[pathlib.Path, ...] = ()


class Reader:
  """Reads one file from front to back."""

  def __init__(self, data: mmap.mmap, path: pathlib.Path):
    self._data, self._path = data, path
    self._at, self._end = 0, len(data)

  def read(self) -> Header:
    """Reads everything before the data."""
    if self._take(4) != _MAGIC:
      raise ValueError("it does not begin with GGUF")
    (version,) = self._unpack("I")
    if version not in _VERSIONS:
      raise ValueError(
        f"its version is {version}; expected 2 or 3, little-endian"
      )
    num_tensors, num_keys = self._unpack("QQ")
    metadata = self._read_all(num_keys, self._read_key, "key")
    tensors = self._read_all(num_tensors, self._read_tensor, "tensor")
    alignment = metadata.get(_ALIGNMENT_KEY, _ALIGNMENT)
    if not isinstance(alignment, int) or alignment.bit_count() != 1:
      raise ValueError(
        f"{_ALIGNMENT_KEY} is {alignment!r}; expected a power of two"
      )
    start = -(-self._at // alignment) * alignment
    tensors = {
      name: dataclasses.replace(tensor, offset=start + tensor.offset)
      for name, tensor in tensors.items()
    }
    self._check_offsets(tensors)
    return Header(metadata, tensors, (self._path,))

  def _read_all(
    self, count: int, read: Callable[[], tuple[str, Any]], what: str
  ) -> dict[str, Any]:
    """Reads named things; each name may come once."""
    named: dict[str, Any] = {}
    for _ in range(self._check_count(count, 8)):
      name, value = read()
      if name in named:
        raise ValueError(f"the {what} {name} is there twice")
      named[name] = value
    return named

  def _read_key(self) -> tuple[str, Any]:
    key = self._string("a key")
    (kind,) = self._unpack("I")
    return key, self._value(kind, key)

  def _read_tensor(self) -> tuple[str, Tensor]:
    name = self._string("the name of a tensor")
    (axes,) = self._unpack("I")
    if not 1 <= axes <= _MAX_AXES:
      raise ValueError(f"the tensor {name} has {axes} axes")
    *sizes, kind, offset = self._unpack("Q" * axes + "IQ")
    if kind in gguf.GGML_QUANT_SIZES:
      kind = Quantization(kind)
      if sizes[0] % gguf.GGML_QUANT_SIZES[kind][0]:
        raise ValueError(
          f"the tensor {name} has rows of {sizes[0]} numbers, which are no "
          f"whole blocks of {kind.name}"
        )
    return name, Tensor(self._path, offset, tuple(reversed(sizes)), kind)

  def _check_offsets(self, tensors: dict[str, Tensor]) -> None:
    """Raises where a tensor reaches beyond the file, or into another one."""
    end, before = 0, ""
    for name, tensor in sorted(tensors.items(), key=lambda t: t[1].offset):
      if tensor.offset < end:
        raise ValueError(f"the tensors {before} and {name} overlap")
      end, before = tensor.offset + tensor.num_bytes, name
      if end > self._end:
        raise ValueError(f"the tensor {name} ends at byte {end}")

  def _value(self, kind: int, key: str) -> Any:
    """Reads a value of some type: a number, a text, or an array."""
    if kind == _STRING:
      return self._string(key)
    if kind in _SCALARS:
      return self._unpack(_SCALARS[kind])[0]
    if kind != _ARRAY:
      raise ValueError(f"{key} is of the unknown type {kind}")
    kind, count = self._unpack("IQ")
    if kind == _STRING:
      self._check_count(count, _LENGTH.size)
      return self._strings(count, key)
    if kind in _SCALARS:
      dtype = np.dtype(_SCALARS[kind]).newbyteorder("<")
      self._check_count(count, dtype.itemsize)
      return np.frombuffer(self._take(count * dtype.itemsize), dtype).tolist()
    raise ValueError(f"{key} is an array of the unknown type {kind}")

  def _strings(self, count: int, key: str) -> list[str]:
    """Reads many texts; most of the time goes here, so nothing is called."""
    data, at, end, unpack = self._data, self._at, self._end, _LENGTH.unpack_from
    texts = []
    for _ in range(count):
      start = at + 8
      if start > end:
        raise ValueError(f"{key} is cut")
      at = start + unpack(data, at)[0]
      texts.append(data[start:at])
    if at > end:
      raise ValueError(f"{key} is cut")
    self._at = at
    return [_decode(text, key) for text in texts]

  def _string(self, what: str) -> str:
    (size,) = self._unpack("Q")
    return _decode(self._take(size), what)

  def _unpack(self, layout: str) -> tuple[Any, ...]:
    reader = struct.Struct(f"<{layout}")
    return reader.unpack(self._take(reader.size))

  def _take(self, size: int) -> bytes:
    if size > self._end - self._at:
      raise ValueError(f"{size} bytes are wanted at byte {self._at}")
    self._at += size
    return self._data[self._at - size : self._at]

  def _check_count(self, count: int, size: int) -> int:
    """Raises where so many things of some size cannot be in the file."""
    if count > (self._end - self._at) // size:
      raise ValueError(f"{count} entries are announced at byte {self._at}")
    return count


def _decode(text: bytes, what: str) -> str:
  try:
    return text.decode()
  except UnicodeDecodeError as error:
    raise ValueError(f"{what} holds {text!r}, which is no UTF-8") from error
