"""A value head's reward charged twice or once: FLOPs, and what is ahead then.

See `records.charging`. Accuracies are the same in both ways; strategies that
read rewards become cheaper where hidden states are charged once, and greedy
decoding and majority voting of samples, which read none, do not.
"""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.comparison import (
  curves,
  equal_budget,
  selection,
)
from inference_scaling.analysis.estimates import intervals, outcomes
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.records import charging, flops_parts, load

# Those that count the reward model.
CONVENTIONS = tuple(name for name in names.CONVENTIONS if name != names.PAPER)
TABLES = ("hidden_states", "hidden_states_leads")
Panels = Mapping[str, panel_lib.Panel]  # by way of charging


def hidden_states_tables(
  records: Sequence[load.Record],
  policies: Sequence[str],
  aggregation: str,
  *,
  num_subsets: int,
  seed: int,
) -> dict[str, pd.DataFrame]:
  """Both ways of charging, by the name of their tables.

  Args:
    records: of a sweep, charged in any way.
    policies: names, ordered by parameters.
    aggregation: how best-of-n and weighted voting read step scores.
    num_subsets: see `outcomes.make_outcomes`.
    seed: likewise.

  Returns:
    TABLES, of `flops_of` and of `leads`; none at all where no reward model is a
    value head on its policy.
  """
  shared = charging.of_value_heads(records)
  if not shared:
    return {}
  panels = {
    charges: panel_lib.make_panel(
      outcomes.make_outcomes(
        charging.charge(shared, charges), num_subsets=num_subsets, seed=seed
      )
    )
    for charges in flops_parts.CHARGES
  }
  made = (
    flops_of(panels, policies, aggregation),
    leads(panels, policies, aggregation),
  )
  return dict(zip(TABLES, made, strict=True))


def flops_of(
  panels: Panels, policies: Sequence[str], aggregation: str
) -> pd.DataFrame:
  """FLOPs of every strategy and n in both ways, with its accuracy.

  Args:
    panels: of records of value heads, by way of charging.
    policies: names, ordered by parameters.
    aggregation: how weighted voting reads step scores.

  Returns:
    Rows by policy, strategy and n, under weighted voting (greedy under none):
    the number of problems, accuracy with low and high, and flops_CONVENTION_WAY
    per problem.
  """
  panel = panels[flops_parts.TWICE]
  order = strategies.in_order(point.strategy for point in panel.costs.index)
  points = sorted(
    selection.main_points(panel, aggregation),
    key=lambda p: (policies.index(p.policy), order.index(p.strategy), p.n),
  )
  index = pd.Index(points, tupleize_cols=False)
  frame = pd.DataFrame(points, columns=panel_lib.Configuration._fields)
  frame["problems"] = panel.costs["problems"].reindex(index).to_numpy()
  accuracy = panel.accuracy.reindex(columns=index).to_numpy(float)
  mean, low, high = intervals.mean_interval(accuracy)
  frame = frame.assign(accuracy=mean, low=low, high=high)
  for convention in CONVENTIONS:
    for charges, charged in panels.items():
      costs = charged.costs[f"flops_{convention}"].reindex(index)
      frame[f"flops_{convention}_{charges}"] = costs.to_numpy(float)
  return frame


def leads(
  panels: Panels, policies: Sequence[str], aggregation: str
) -> pd.DataFrame:
  """Weighted voting against sampling at equal FLOPs, in both ways.

  Args:
    panels: of records of value heads, by way of charging.
    policies: names, ordered by parameters.
    aggregation: how weighted voting reads step scores.

  Returns:
    Rows by convention, policy, strategy, baseline and charges, where curves
    overlap: baseline is the voting method of sampling that the strategy is
    compared with; from, to and difference are those of
    `equal_budget.mean_difference`.
  """
  rows = []
  for convention in CONVENTIONS:
    for policy in policies:
      for charges, panel in panels.items():
        for keys, curve, base in _pairs(panel, policy, aggregation, convention):
          lead = equal_budget.lead(curve, base)
          if lead is None:
            continue
          low, high, difference = lead
          rows.append(
            {"convention": convention, "policy": policy}
            | keys
            | {"charges": charges, "from": low, "to": high}
            | curves.difference_columns("difference", difference)
          )
  return pd.DataFrame(rows)


def _pairs(
  panel: panel_lib.Panel, policy: str, aggregation: str, convention: str
) -> Iterator[tuple[dict[str, str], curves.Curve, curves.Curve]]:
  """Strategy and baseline with the curves of both."""
  main = votings.main_voting(aggregation)
  majority = (votings.MAJORITY, votings.NO_AGGREGATION)
  searched = curves.searched(panel)
  sampling = strategies.main_of(strategies.SAMPLING, searched)
  if sampling is None:
    return
  flops = f"flops_{convention}"
  for baseline in dict.fromkeys((main, majority)):
    base = curves.make_curve(panel, policy, sampling, *baseline, flops)
    for strategy in searched:
      curve = curves.make_curve(panel, policy, strategy, *main, flops)
      same = strategy == sampling and baseline == main
      if curve is not None and base is not None and not same:
        yield {"strategy": strategy, "baseline": baseline[0]}, curve, base
