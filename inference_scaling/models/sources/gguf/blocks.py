"""From the blocks of quantised tensors to numbers.

A block holds 32 numbers, or 256 in K-quants, as a few bits each beside their
scales. Products of a scale and so few bits are exact in float32, so their
order does not matter, and results are those of llama.cpp to the bit. Plain
NumPy on some blocks at a time: what is at work stays in the cache, no backend
of JAX is needed, and nothing is compiled.

References:
  ggml-common.h and ggml-quants.c of github.com/ggml-org/ggml.
"""

import os
from collections.abc import Callable
from concurrent import futures

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Quantization

# More threads than these wait for memory.
_MAX_THREADS = 4
_AT_ONCE = 1 << 17  # numbers; with what is computed beside them 1 MiB
# Of IQ4_NL and IQ4_XS: what the sixteen values of four bits stand for.
_IQ4 = np.array(
  [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
  np.int8,
)
# NumPy converts float16 by computing; looking all 65,536 up is faster.
_HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
_HALVES = _HALVES.astype(np.float32)

Blocks = np.ndarray  # uint8[n, bytes of a block]


def dequantise(rows: np.ndarray, kind: Quantization, out: np.ndarray) -> None:
  """Computes the numbers of some rows.

  Args:
    rows: uint8[rows, bytes of a row].
    kind: one of `READERS`.
    out: [rows, size of a row], contiguous, of any dtype of floats; is filled.
  """
  size, num_bytes = gguf.GGML_QUANT_SIZES[kind]
  blocks, numbers = rows.reshape(-1, num_bytes), out.reshape(-1, size)
  step = _AT_ONCE // size
  parts = [
    (blocks[start : start + step], numbers[start : start + step])
    for start in range(0, len(blocks), step)
  ]
  threads = min(_MAX_THREADS, os.cpu_count() or 1, len(parts))
  if threads < 2:
    for part in parts:
      _fill(kind, *part)
    return
  with futures.ThreadPoolExecutor(threads) as pool:
    for done in [pool.submit(_fill, kind, *part) for part in parts]:
      done.result()


def _fill(kind: Quantization, blocks: Blocks, out: np.ndarray) -> None:
  """Computes the numbers of a few blocks."""
  # The loader refuses what is not finite.
  with np.errstate(invalid="ignore", over="ignore"):
    if out.dtype == np.float32:
      READERS[kind](blocks, out)
      return
    numbers = np.empty(out.shape, np.float32)
    READERS[kind](blocks, numbers)
    out[...] = numbers


def _half(blocks: Blocks, start: int) -> np.ndarray:
  """Reads one float16 of each block: float32[n, 1]."""
  return np.take(_HALVES, blocks[:, start : start + 2].view(np.uint16))


def _words(blocks: Blocks, start: int, count: int) -> list[np.ndarray]:
  """Reads words of four bytes, which are then worked on all four at once."""
  words = blocks[:, start : start + 4 * count].view(np.uint32)
  return list(np.ascontiguousarray(words.T))


def _bytes(*words: np.ndarray) -> np.ndarray:
  """Undoes `_words`: uint8[n, 4 * words]."""
  return np.stack(words, axis=1).view(np.uint8)


def _bits(
  blocks: Blocks, start: int, stop: int, width: int, bits: int
) -> np.ndarray:
  """Takes bytes apart: the low bits of `width` bytes first, then the next.

  Args:
    blocks: uint8[n, bytes].
    start: first byte of each block.
    stop: the byte after the last.
    width: bytes that are taken apart together.
    bits: of each number: 1, 2 or 4.

  Returns:
    uint8[n, (stop - start) * 8 / bits].
  """
  packed = np.ascontiguousarray(blocks[:, start:stop])
  n, count = len(packed), 8 // bits
  parts = np.empty((n, (stop - start) // width, count, width), np.uint8)
  run = f"V{width}"  # moved as one: NumPy is slow with short rows
  for index in range(count):
    shifted = packed >> np.uint8(bits * index)
    shifted &= np.uint8(2**bits - 1)
    parts.view(run)[:, :, index, 0] = shifted.view(run)
  return parts.reshape(n, -1)


def _scale(
  out: np.ndarray,
  numbers: np.ndarray,
  scales: np.ndarray,
  minimum: np.ndarray | None = None,
) -> None:
  """Writes numbers * scales - minimum; each stands for many numbers.

  Args:
    out: float32[n, size].
    numbers: [n, size], of small integers.
    scales: float32[n, groups].
    minimum: as scales, if any.
  """
  out[...] = numbers
  width = out.shape[1] // scales.shape[1]
  out *= np.repeat(scales, width, axis=1)
  if minimum is not None:
    out -= np.repeat(minimum, width, axis=1)


def _signed(numbers: np.ndarray, middle: int) -> np.ndarray:
  """Shifts unsigned integers, in place, so that `middle` becomes 0."""
  numbers -= np.uint8(middle)  # wraps around, as int8 reads it
  return numbers.view(np.int8)


def _q4_0(blocks: Blocks, out: np.ndarray) -> None:
  numbers = _bits(blocks, 2, 18, 16, 4)
  _scale(out, _signed(numbers, 8), _half(blocks, 0))


def _q4_1(blocks: Blocks, out: np.ndarray) -> None:
  _scale(out, _bits(blocks, 4, 20, 16, 4), _half(blocks, 0), -_half(blocks, 2))


def _fifth_bits(blocks: Blocks, start: int) -> np.ndarray:
  """The highest bits of Q5_0 and Q5_1, where they stand in the number."""
  packed = np.ascontiguousarray(blocks[:, start : start + 4])
  return np.unpackbits(packed, axis=1, bitorder="little") << np.uint8(4)


def _q5_0(blocks: Blocks, out: np.ndarray) -> None:
  numbers = _bits(blocks, 6, 22, 16, 4)
  numbers |= _fifth_bits(blocks, 2)
  _scale(out, _signed(numbers, 16), _half(blocks, 0))


def _q5_1(blocks: Blocks, out: np.ndarray) -> None:
  numbers = _bits(blocks, 8, 24, 16, 4)
  numbers |= _fifth_bits(blocks, 4)
  _scale(out, numbers, _half(blocks, 0), -_half(blocks, 2))


def _q8_0(blocks: Blocks, out: np.ndarray) -> None:
  _scale(out, blocks[:, 2:34].view(np.int8), _half(blocks, 0))


def _q2_k(blocks: Blocks, out: np.ndarray) -> None:
  scales = blocks[:, :16]
  _scale(
    out,
    _bits(blocks, 16, 80, 32, 2),
    _half(blocks, 80) * (scales & np.uint8(15)),
    _half(blocks, 82) * (scales >> np.uint8(4)),
  )


def _q3_k(blocks: Blocks, out: np.ndarray) -> None:
  # Where the high bit is 1, nothing is subtracted.
  numbers = _bits(blocks, 0, 32, 32, 1) << np.uint8(2)
  numbers |= _bits(blocks, 32, 96, 32, 2)
  low, high = np.uint32(0x0F0F0F0F), np.uint32(0x30303030)
  first, second, third = _words(blocks, 96, 3)
  scales = _bytes(
    first & low | third << np.uint32(4) & high,
    second & low | third << np.uint32(2) & high,
    first >> np.uint32(4) & low | third & high,
    second >> np.uint32(4) & low | third >> np.uint32(2) & high,
  )
  _scale(out, _signed(numbers, 4), _half(blocks, 108) * _signed(scales, 32))


def _scales_and_minima(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
  """Reads the eight scales and minima, of 6 bits, of Q4_K and Q5_K."""
  low, high = np.uint32(0x0F0F0F0F), np.uint32(0x30303030)
  six = np.uint32(0x3F3F3F3F)
  first, second, third = _words(blocks, 4, 3)
  scales = _bytes(first & six, third & low | first >> np.uint32(2) & high)
  minima = _bytes(
    second & six, third >> np.uint32(4) & low | second >> np.uint32(2) & high
  )
  return _half(blocks, 0) * scales, _half(blocks, 2) * minima


def _q4_k(blocks: Blocks, out: np.ndarray) -> None:
  _scale(out, _bits(blocks, 16, 144, 32, 4), *_scales_and_minima(blocks))


def _q5_k(blocks: Blocks, out: np.ndarray) -> None:
  numbers = _bits(blocks, 16, 48, 32, 1) << np.uint8(4)
  numbers |= _bits(blocks, 48, 176, 32, 4)
  _scale(out, numbers, *_scales_and_minima(blocks))


def _q6_k(blocks: Blocks, out: np.ndarray) -> None:
  numbers = _bits(blocks, 128, 192, 32, 2) << np.uint8(4)
  numbers |= _bits(blocks, 0, 128, 64, 4)
  scales = blocks[:, 192:208].view(np.int8)
  _scale(out, _signed(numbers, 32), _half(blocks, 208) * scales)


def _iq4_nl(blocks: Blocks, out: np.ndarray) -> None:
  _scale(out, np.take(_IQ4, _bits(blocks, 2, 18, 16, 4)), _half(blocks, 0))


def _iq4_xs(blocks: Blocks, out: np.ndarray) -> None:
  scales = _bits(blocks, 4, 8, 1, 4)
  scales |= _bits(blocks, 2, 4, 1, 2) << np.uint8(4)
  numbers = np.take(_IQ4, _bits(blocks, 8, 136, 16, 4))
  _scale(out, numbers, _half(blocks, 0) * _signed(scales, 32))


READERS: dict[Quantization, Callable[[Blocks, np.ndarray], None]] = {
  Quantization.Q4_0: _q4_0,
  Quantization.Q4_1: _q4_1,
  Quantization.Q5_0: _q5_0,
  Quantization.Q5_1: _q5_1,
  Quantization.Q8_0: _q8_0,
  Quantization.Q2_K: _q2_k,
  Quantization.Q3_K: _q3_k,
  Quantization.Q4_K: _q4_k,
  Quantization.Q5_K: _q5_k,
  Quantization.Q6_K: _q6_k,
  Quantization.IQ4_NL: _iq4_nl,
  Quantization.IQ4_XS: _iq4_xs,
}
