"""The section on loading, on a few blocks."""

from inference_scaling.benchmark.measurements import loading
from inference_scaling.models import sources


def test_a_rate_for_each_type_beside_a_copy():
  rows = loading.measure(repeats=2, size=1 << 12)
  names = ["copy of float32", *(kind.name for kind in sources.QUANTISED)]
  assert [row.name for row in rows] == names
  for row in rows:
    assert row.unit == "GB/s" and row.value > 0 and len(row.rounds) == 2
    assert ("of a copy" in row.note) == (row is not rows[0])
