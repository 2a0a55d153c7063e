"""The tables and claims of a report, from its panels.

What compares policies is computed on the problems that all of them have.
"""

import dataclasses
from collections.abc import Mapping

import pandas as pd

from inference_scaling.analysis.claims import orderings, scaling, tree_search
from inference_scaling.analysis.comparison import (
  equal_budget,
  iso_accuracy,
  optimal_size,
  pareto,
)
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.report import paper_tables


@dataclasses.dataclass(frozen=True)
class Numbers:
  """What tables are computed of.

  Attributes:
    panels: "all", and "easy" and "hard" where such problems exist.
    common: of the problems that all policies have.
    policies: number of parameters by policy, in rising order.
    aggregation: of best-of-n and weighted voting.
    convention: FLOPs convention of tables in one convention.
  """

  panels: Mapping[str, panel_lib.Panel]
  common: panel_lib.Panel
  policies: Mapping[str, int]
  aggregation: str
  convention: str

  @property
  def flops(self) -> str:
    """The cost column of the convention."""
    return f"flops_{self.convention}"


def make_claims(numbers: Numbers) -> dict[str, pd.DataFrame]:
  """The claims of the report, by the name of their CSV file."""
  names, how, flops = (
    list(numbers.policies),
    numbers.aggregation,
    numbers.flops,
  )
  whole, common = numbers.panels["all"], numbers.common
  return {
    "growth": scaling.growth(whole, names, how, flops),
    "best_policy": scaling.best_policy(common, names, how, flops),
    "search_gain": tree_search.search_gain(numbers.panels, names, how, flops),
    "smaller_against_largest": tree_search.smaller_against_largest(
      common, names, how
    ),
    "voting_gap": orderings.voting_gap(whole, names, how),
    "hard_gain": orderings.hard_gain(
      numbers.panels, names, how, numbers.convention
    ),
  }


def make_tables(numbers: Numbers) -> dict[str, pd.DataFrame]:
  """The tables that panels suffice for, by the name of their CSV file."""
  names, how, flops = (
    list(numbers.policies),
    numbers.aggregation,
    numbers.flops,
  )
  whole, common = numbers.panels["all"], numbers.common
  sizes, lines = optimal_size.optimal_sizes(
    common, numbers.policies, how, flops
  )
  return {
    "pareto": pareto.pareto_table(common, how),
    "best_configuration": pareto.best_configurations(common, how),
    "optimal_size": sizes,
    "optimal_size_lines": lines,
    "equal_budget": equal_budget.equal_budget(whole, names, how),
    "mean_difference": equal_budget.mean_difference(whole, names, how),
    "iso_accuracy": iso_accuracy.iso_accuracy(whole, names, how),
    "table_1": paper_tables.table_one(whole, names, how, flops),
  }
