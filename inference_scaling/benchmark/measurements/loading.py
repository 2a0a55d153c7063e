"""How fast blocks of GGUF files become numbers, beside a copy of memory."""

import functools

import gguf
import numpy as np

from inference_scaling.benchmark import table, timing
from inference_scaling.models import sources

_SIZE = 1 << 24  # numbers; 64 MiB of result, larger than most caches
_ROW = 1 << 10
_COPY = "copy of float32"
_SCALE = 0x3B  # keeps the bytes of a float16 from being no number


def measure(repeats: int, size: int = _SIZE) -> list[table.Row]:
  """Measures bytes of float32 that are written a second.

  Memory that is written to for the first time costs the system more than the
  copy itself; here all of it has been.

  Args:
    repeats: rounds.
    size: numbers, a multiple of 1,024.

  Returns:
    Rows of the table.
  """
  source = np.ones((size // _ROW, _ROW), np.float32)
  result = source.copy()
  tasks = {_COPY: functools.partial(np.copyto, result, source)}
  for kind in sources.QUANTISED:
    tasks[kind.name] = functools.partial(
      sources.dequantise, _blocks(kind, size), kind, result
    )
  times = timing.interleave(tasks, repeats)
  rows = []
  for name, seconds in times.items():
    rate = timing.combine(lambda s: result.nbytes / s / 1e9, seconds)
    share = timing.combine(lambda c, s: 100 * c / s, times[_COPY], seconds)
    note = "" if name == _COPY else f"{share.median:.0f}% of a copy"
    rows.append(
      table.Row("loading", name, rate.median, "GB/s", note, rate.rounds)
    )
  return rows


def _blocks(kind: gguf.GGMLQuantizationType, size: int) -> np.ndarray:
  """Draws rows of blocks."""
  block, num_bytes = gguf.GGML_QUANT_SIZES[kind]
  shape = (size // _ROW, _ROW // block * num_bytes)
  drawn = np.random.default_rng(kind.value).integers(0, 256, shape, np.uint8)
  return drawn & np.uint8(_SCALE)
