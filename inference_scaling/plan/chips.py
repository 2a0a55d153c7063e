"""Accelerators as data: what their makers say of one device.

Rates are peaks that no program reaches, which is what a bound is made of.
"""

import dataclasses
from collections.abc import Mapping

_GIB = 2**30
TPU, GPU = "tpu", "gpu"


@dataclasses.dataclass(frozen=True)
class Chip:
  """One device.

  Attributes:
    name: as in a target.
    platform: `TPU` or `GPU`.
    memory: bytes of HBM that a program may fill.
    bandwidth: of HBM, bytes per second.
    flops: peak operations per second by dtype of the factors, without
      sparsity; a sum of a product counts as two.
    link_bandwidth: bytes per second that a device sends to all others together.
    topologies: slices that can be rented; the compiler may know more.
  """

  name: str
  platform: str
  memory: int
  bandwidth: float
  flops: Mapping[str, float]
  link_bandwidth: float
  topologies: tuple[str, ...]

  @property
  def rate(self) -> float:
    """Peak operations per second of the products of this package.

    All are of bfloat16: float32 is multiplied so by default on TPU, and
    quantised weights become bfloat16 inside the product.
    """
    return self.flops["bfloat16"]


_FLAT = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
CHIPS: Mapping[str, Chip] = {
  chip.name: chip
  for chip in (
    # https://docs.cloud.google.com/tpu/docs/v5e: 16 GB at 819 GB/s, 197 TFLOP/s
    # in bfloat16 and 393 TOP/s in int8, links of 400 GB/s in both directions
    # together. Of the 16 GiB the compiler gives a program 15.75.
    Chip(
      name="v5e",
      platform=TPU,
      memory=int(15.75 * _GIB),
      bandwidth=819e9,
      flops={"bfloat16": 197e12, "int8": 393e12},
      link_bandwidth=200e9,
      topologies=_FLAT,
    ),
    # https://docs.cloud.google.com/tpu/docs/v5p: 95 GiB at 2765 GB/s, 459
    # TFLOP/s in bfloat16, links of 1200 GB/s in both directions.
    # In int8 918 TOP/s: https://cloud.google.com/blog/products/ai-machine-
    # learning/introducing-cloud-tpu-v5p-and-ai-hypercomputer.
    Chip(
      name="v5p",
      platform=TPU,
      memory=int(95.74 * _GIB),
      bandwidth=2765e9,
      flops={"bfloat16": 459e12, "int8": 918e12},
      link_bandwidth=600e9,
      topologies=("2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8"),
    ),
    # https://docs.cloud.google.com/tpu/docs/v6e: 32 GB at 1638 GB/s, 918
    # TFLOP/s in bfloat16 and 1836 TOP/s in int8, links of 800 GB/s in both
    # directions. Of the 32 GiB the compiler gives a program 31.25.
    Chip(
      name="v6e",
      platform=TPU,
      memory=int(31.25 * _GIB),
      bandwidth=1638e9,
      flops={"bfloat16": 918e12, "int8": 1836e12},
      link_bandwidth=400e9,
      topologies=_FLAT,
    ),
    # https://www.nvidia.com/en-us/data-center/h200/ (SXM): 141 GB at 4.8 TB/s;
    # 1979 TFLOP/s in bfloat16 and 3958 in fp8 and int8 are with sparsity, which
    # halves them; NVLink of 900 GB/s in both directions. 150e9 bytes are what
    # the driver reports (h200.txt).
    Chip(
      name="h200",
      platform=GPU,
      memory=150_000_000_000,
      bandwidth=4800e9,
      flops={"bfloat16": 989.5e12, "int8": 1979e12, "fp8": 1979e12},
      link_bandwidth=450e9,
      topologies=("1", "2", "4", "8", "16"),
    ),
  )
}  # fmt: skip
