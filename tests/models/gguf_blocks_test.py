"""Blocks to numbers: to the bit as the gguf package computes them."""

import gguf
import ml_dtypes
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Quantization

from inference_scaling.models.sources.gguf import blocks as gguf_blocks

KINDS = sorted(gguf_blocks.READERS)
# Where the float16 scales of a block begin.
SCALES = {
  Quantization.Q4_0: [0], Quantization.Q4_1: [0, 2], Quantization.Q5_0: [0],
  Quantization.Q5_1: [0, 2], Quantization.Q8_0: [0],
  Quantization.Q2_K: [80, 82], Quantization.Q3_K: [108],
  Quantization.Q4_K: [0, 2], Quantization.Q5_K: [0, 2],
  Quantization.Q6_K: [208], Quantization.IQ4_NL: [0], Quantization.IQ4_XS: [0],
}  # fmt: skip
# Zeros, the least subnormal, the greatest one, the least normal, the greatest.
EXTREMES = np.array(
  [0.0, 2**-24, 1023 * 2**-24, 2**-14, 1.0, 65504.0], np.float16
)


def _bits(numbers):
  return np.ascontiguousarray(numbers).view(np.uint32)


def _dequantised(rows, kind, dtype=np.float32):
  size, num_bytes = gguf.GGML_QUANT_SIZES[kind]
  out = np.empty((len(rows), rows.shape[1] // num_bytes * size), dtype)
  gguf_blocks.dequantise(rows, kind, out)
  return out


def _random_rows(kind, rows, blocks):
  num_bytes = gguf.GGML_QUANT_SIZES[kind][1]
  rng = np.random.default_rng(kind.value)
  return rng.integers(0, 256, (rows, blocks, num_bytes), np.uint8)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_extreme_scales(kind):
  scales = np.concatenate([EXTREMES, -EXTREMES])
  blocks = _random_rows(kind, len(scales), len(scales))
  for index, start in enumerate(SCALES[kind]):
    drawn = scales[:, None] if index == 0 else scales[None, :]
    halves = np.broadcast_to(drawn, blocks.shape[:2])[..., None]
    blocks[:, :, start : start + 2] = np.ascontiguousarray(halves).view(
      np.uint8
    )
  rows = blocks.reshape(len(scales), -1)
  result = _dequantised(rows, kind)
  assert np.isfinite(result).all()
  expected = gguf.quants.dequantize(rows, kind)
  np.testing.assert_array_equal(_bits(result), _bits(expected))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_random_blocks_in_parts(kind, monkeypatch):
  """Any bytes, more than are worked on at once, by several threads."""
  monkeypatch.setattr(gguf_blocks, "_AT_ONCE", 1024)
  rows = _random_rows(kind, 67, 3).reshape(67, -1)
  with np.errstate(invalid="ignore"):
    expected = gguf.quants.dequantize(rows, kind)
  result = _dequantised(rows, kind)
  # The same are no numbers; all others agree to the bit.
  finite = ~np.isnan(expected)
  assert 0.9 < finite.mean()
  np.testing.assert_array_equal(np.isnan(result), ~finite)
  np.testing.assert_array_equal(_bits(result)[finite], _bits(expected)[finite])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_other_dtypes_are_rounded_once(dtype):
  rows = _random_rows(Quantization.Q4_K, 4, 2) & np.uint8(0x3B)
  rows = rows.reshape(4, -1)
  result = _dequantised(rows, Quantization.Q4_K, dtype)
  expected = gguf.quants.dequantize(rows, Quantization.Q4_K).astype(dtype)
  np.testing.assert_array_equal(result, expected, strict=True)
