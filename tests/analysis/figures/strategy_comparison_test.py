"""The figure of equal budgets."""

import pandas as pd

from inference_scaling.analysis.figures import strategy_comparison


def test_an_axis_of_a_single_budget_has_a_width():
  frame = pd.DataFrame(
    {
      "convention": "paper",
      "policy": "large",
      "voting": ["majority", "best_of_n", "weighted"],
      "strategy": "rebase",
      "budget": 4.1984e9,
      "difference": 0.0,
      "difference_low": -0.3,
      "difference_high": 0.2,
    }
  )
  figure = strategy_comparison.equal_budget(frame, {"large": 10**6}, "paper")
  for axes in figure.axes:
    low, high = axes.get_xlim()
    assert 0 < low < 4e9 and high > 4.4e9
    # The line of no difference, the interval and the difference.
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [
      [0, 0], [-30, 20], [0]
    ]  # fmt: skip
