"""How many problems are in flight."""

import pytest

from inference_scaling.sweep import engine


@pytest.mark.parametrize(
  ("rows", "n", "count", "slots"),
  [(256, 16, 102, 16), (256, 64, 102, 4), (8, 16, 102, 1), (256, 1, 102, 102)],
)
def test_rows_are_about_constant(rows, n, count, slots):
  assert engine.slots(rows, n, count) == slots


def test_slots_are_a_multiple_of_the_devices_that_share_them():
  assert engine.slots(256, 64, 102, data=4) == 4
  assert engine.slots(256, 100, 102, data=4) == 4
  assert engine.slots(8, 1, 3, data=2) == 4
