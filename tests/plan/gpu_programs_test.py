"""The programs of searches, compiled for H200 that are not there."""

import pytest

from inference_scaling.plan import chips
from tests.plan import properties, small

pytestmark = small.needs(chips.GPU)
PROGRAMS = (
  ("policy", "h200:1", None),
  ("kernel", "h200:1", None),
  ("reward", "h200:1", None),
  ("reward", "h200:8", (2, 4)),
  ("tree", "h200:1", None),
  ("mcts", "h200:8", None),
)


@pytest.mark.parametrize("check", properties.cases(*PROGRAMS))
def test_programs(check):
  check()
