import pytest

from inference_scaling.benchmark import machine, timing


def test_rates_are_work_over_the_median_of_its_time():
  probe = machine.Probe(size=10, count=800)
  names = ("product of float32", "product of bfloat16", "read of memory")
  times = {
    name: timing.Seconds((seconds, 9.0, 1e-9))
    for name, seconds in zip(names, (4.0, 2.0, 8.0), strict=True)
  }
  rates = probe.rates(times)
  assert rates.flops == {"float32": 500.0, "bfloat16": 1000.0}
  assert rates.bandwidth == 100.0
  rows = machine.rows(rates)
  assert [row.value for row in rows] == pytest.approx([5e-7, 1e-6, 1e-7])


def test_products_of_both_dtypes_have_a_float32_result():
  tasks = machine.Probe(size=16, count=4096 * 8).tasks()
  assert list(tasks) == [
    "product of float32", "product of bfloat16", "read of memory"
  ]  # fmt: skip
  shapes = ((16, 16), (16, 16), (1024,))
  for task, shape in zip(tasks.values(), shapes, strict=True):
    result = task()
    assert (result.shape, str(result.dtype)) == (shape, "float32")
  assert (result == 8).all()  # each number is read once
