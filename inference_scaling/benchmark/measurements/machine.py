"""Rates of the machine: products of matrices, and bytes read per second."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from inference_scaling import names
from inference_scaling.benchmark import table, timing
from inference_scaling.models.layers import (
  hardware,
  products,
  quantised_products,
)

DTYPES = ("float32", "bfloat16")
_THIN_DTYPES = (*DTYPES, names.INT8)  # of weights
_ACCELERATOR_SIZE, _CPU_SIZE = 8192, 3072
_BYTES = 1 << 30  # far larger than any cache
_READ = "read of memory"
_COLUMNS = 64  # rows of a decoding step
_LARGEST = 6.0  # deviations that a weight of int8 holds; none is beyond


@dataclasses.dataclass(frozen=True)
class Rates:
  """Rates of a machine.

  Attributes:
    flops: floating-point operations a second in products of large matrices
      whose result is float32, by the dtype of the factors.
    thin: the same in a chain of products of 64 columns with matrices that come
      from memory, as in decoding; the roofline does not look at it.
    bandwidth: bytes a second, in reading memory.
  """

  flops: Mapping[str, float]
  thin: Mapping[str, float]
  bandwidth: float


@dataclasses.dataclass(frozen=True)
class Probe:
  """Programs that measure the rates.

  Attributes:
    size: rows and columns of the matrices.
    count: bytes that are read.
  """

  size: int
  count: int = _BYTES

  def tasks(self) -> dict[str, timing.Task]:
    """Makes the programs and what they read.

    Returns:
      Tasks for `timing.interleave`.
    """
    tasks = {_product(dtype): self._multiply(dtype) for dtype in DTYPES}
    tasks |= {_thin(dtype): self._chain(dtype) for dtype in _THIN_DTYPES}
    tasks[_READ] = self._read()
    return tasks

  def rates(self, times: Mapping[str, timing.Seconds]) -> Rates:
    """Turns the times of the tasks into rates.

    Args:
      times: of the tasks, and maybe of others.

    Returns:
      The rates, from the medians.
    """
    work = 2 * self.size**3

    def thin(dtype: str) -> float:
      size, number = self._weights(dtype)
      return 2 * number * size**2 * _COLUMNS / times[_thin(dtype)].median

    return Rates(
      {dtype: work / times[_product(dtype)].median for dtype in DTYPES},
      {dtype: thin(dtype) for dtype in _THIN_DTYPES},
      self.count / times[_READ].median,
    )

  def _multiply(self, dtype: str) -> timing.Task:
    shape = (self.size, self.size)
    left, right = (
      jax.random.normal(jax.random.key(i), shape, dtype) for i in range(2)
    )
    multiply = jax.jit(
      lambda a, b: jnp.matmul(a, b, preferred_element_type=jnp.float32)
    )
    return lambda: multiply(left, right)

  def _weights(self, dtype: str) -> tuple[int, int]:
    """Size and number of square matrices of a quarter of all bytes."""
    size = self.size // 2
    number = self.count // 4 // (size**2 * jnp.dtype(dtype).itemsize)
    return size, max(1, number)

  def _chain(self, dtype: str) -> timing.Task:
    size, number = self._weights(dtype)
    keys = jax.random.split(jax.random.key(0), number)
    # Matrices that keep the length of a vector, so that no number overflows.
    weights = [
      jax.random.normal(key, (size, size)) * size**-0.5 for key in keys
    ]
    scale = None
    if dtype == names.INT8:
      scale = jnp.full((size,), _LARGEST * size**-0.5 / 127)
      weights = [jnp.round(weight / scale[0]) for weight in weights]
    weights = [weight.astype(dtype) for weight in weights]
    columns = jnp.ones((size, _COLUMNS), jnp.float32)
    used = hardware.of_mesh(None)

    @jax.jit
    def run(weights: list[jax.Array], columns: jax.Array) -> jax.Array:
      for weight in weights:
        columns = (
          products.multiply(weight, columns)
          if scale is None
          else quantised_products.multiply(weight, scale, columns, used)
        )
      return columns

    return lambda: run(weights, columns)

  def _read(self) -> timing.Task:
    # A sum along rows: each device shares them out among its cores.
    rows = jnp.ones((1024, self.count // 4096), jnp.float32)
    total = jax.jit(lambda rows: rows.sum(axis=1))
    return lambda: total(rows)


def default_probe() -> Probe:
  """Sizes the probe for the device that JAX computes on."""
  cpu = jax.default_backend() == "cpu"
  return Probe(_CPU_SIZE if cpu else _ACCELERATOR_SIZE)


def rows(rates: Rates) -> list[table.Row]:
  """Lists the rates for the table.

  Args:
    rates: of a machine.

  Returns:
    Its rows.
  """
  table_rows = [
    table.Row("machine", f"products of {dtype}", rate / 1e9, "GFLOP/s")
    for dtype, rate in rates.flops.items()
  ]
  table_rows += [
    table.Row(
      "machine", f"products of {dtype}, {_COLUMNS} columns", rate / 1e9,
      "GFLOP/s", "the other factor comes from memory",
    )
    for dtype, rate in rates.thin.items()
  ]  # fmt: skip
  return [
    *table_rows, table.Row("machine", _READ, rates.bandwidth / 1e9, "GB/s")
  ]  # fmt: skip


def _product(dtype: str) -> str:
  return f"product of {dtype}"


def _thin(dtype: str) -> str:
  return f"product of {dtype} with {_COLUMNS} columns"
