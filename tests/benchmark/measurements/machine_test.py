import pytest

from inference_scaling.benchmark import timing
from inference_scaling.benchmark.measurements import machine

NAMES = (
  "product of float32",
  "product of bfloat16",
  "product of float32 with 64 columns",
  "product of bfloat16 with 64 columns",
  "product of int8 with 64 columns",
  "read of memory",
)


def test_rates_are_work_over_the_median_of_its_time():
  probe = machine.Probe(size=10, count=800)
  middle = (4.0, 2.0, 1.6, 0.8, 0.4, 8.0)
  times = {
    name: timing.Seconds((seconds, 9.0, 1e-9))
    for name, seconds in zip(NAMES, middle, strict=True)
  }
  rates = probe.rates(times)
  assert rates.flops == {"float32": 500.0, "bfloat16": 1000.0}
  # 800 / 4 bytes are two matrices of 5 x 5 in float32, four in bfloat16, eight
  # in int8; each is multiplied by 64 columns.
  assert rates.thin == {"float32": 4000.0, "bfloat16": 16000.0, "int8": 64000.0}
  assert rates.bandwidth == 100.0
  rows = machine.rows(rates)
  assert [row.value for row in rows] == pytest.approx(
    [5e-7, 1e-6, 4e-6, 1.6e-5, 6.4e-5, 1e-7]
  )


def test_products_of_both_dtypes_have_a_float32_result():
  tasks = machine.Probe(size=16, count=4096 * 8).tasks()
  assert tuple(tasks) == NAMES
  shapes = ((16, 16), (16, 16), (8, 64), (8, 64), (8, 64), (1024,))
  for task, shape in zip(tasks.values(), shapes, strict=True):
    result = task()
    assert (result.shape, str(result.dtype)) == (shape, "float32")
  assert (result == 8).all()  # each number is read once


def test_a_chain_reads_matrices_of_a_quarter_of_all_bytes():
  probe = machine.Probe(size=16, count=4096 * 8)
  assert probe._weights("float32") == (8, 32)
  assert probe._weights("bfloat16") == (8, 64)
  assert machine.Probe(3072)._weights("bfloat16") == (1536, 56)
  for dtype in machine.DTYPES:
    columns = probe._chain(dtype)()
    # Matrices as small as these shorten a vector a little, each of 64.
    assert 1e-9 < float((columns**2).mean()) < 1e9
