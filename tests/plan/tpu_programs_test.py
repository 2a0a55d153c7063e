"""The programs of searches, compiled for TPU slices that are not there."""

import pytest

from inference_scaling.plan import chips
from tests.plan import properties, small

pytestmark = small.needs(chips.TPU)
PROGRAMS = (
  ("policy", "v5e:2x4", None),
  ("policy", "v5p:2x2x1", None),
  ("kernel", "v6e:2x4", None),
  ("reward", "v6e:2x4", None),
  ("reward", "v5e:2x4", (2, 4)),  # a part of the problems on each of two hosts
  ("tree", "v5p:2x2x1", None),
  ("mcts", "v6e:2x4", None),
)


@pytest.mark.parametrize("check", properties.cases(*PROGRAMS))
def test_programs(check):
  check()
