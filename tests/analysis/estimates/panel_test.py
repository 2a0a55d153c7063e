"""Parts of a benchmark by difficulty."""

import pandas as pd

from inference_scaling.analysis.estimates import panel


def test_a_level_that_is_not_known_is_neither_easy_nor_hard():
  frame = pd.DataFrame({"level": [0, 1, 3, 4, 5, 0]})
  parts = panel.split_levels(frame)
  assert {name: list(part["level"]) for name, part in parts.items()} == {
    "all": [0, 1, 3, 4, 5, 0],
    "easy": [1, 3],
    "hard": [4, 5],
  }
  assert list(panel.split_levels(frame, 2)["easy"]["level"]) == [1]
