"""How the paper orders strategies: by level, and by what voting adds.

References:
  Wu et al., Inference Scaling Laws, ICLR 2025, sections 4.3 and 4.4.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.comparison import curves, equal_budget
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib


def voting_gap(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str
) -> pd.DataFrame:
  """What weighted voting adds to majority voting, search against sampling.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how weighted voting reads step scores.

  Returns:
    Rows by policy, strategy and n > 1 that sampling has, too (not where n is no
    number of candidates, as of MCTS): gap, weighted less majority voting under
    the strategy, sampling_gap, the same under sampling, and difference, the
    second less the first, each with its interval. None without a reward model.
  """
  points = list(panel.costs.index)
  names = strategies.in_order(point.strategy for point in points)
  sampling = strategies.main_of(strategies.SAMPLING, names)
  rows = []
  for policy in policies:
    for strategy in names:
      sampled = strategies.kind_of(strategy) == strategies.SAMPLING
      apart = sampled or not strategies.counts_candidates(strategy)
      if apart or sampling is None:
        continue
      for n in sorted({p.n for p in points if p[:2] == (policy, strategy)}):
        gap = _gap(panel, policy, strategy, n, aggregation)
        base = _gap(panel, policy, sampling, n, aggregation)
        if n > 1 and gap is not None and base is not None:
          rows.append(
            {"policy": policy, "strategy": strategy, "n": n}
            | curves.difference_columns("gap", gap)
            | curves.difference_columns("sampling_gap", base)
            | curves.difference_columns("difference", base - gap)
          )
  return pd.DataFrame(rows)


def _gap(
  panel: panel_lib.Panel, policy: str, strategy: str, n: int, aggregation: str
) -> np.ndarray | None:
  """Weighted less majority voting by problem; None where one is missing."""
  name = panel_lib.Configuration
  weighted = name(policy, strategy, n, votings.WEIGHTED, aggregation)
  majority = name(policy, strategy, n, votings.MAJORITY, votings.NO_AGGREGATION)
  known = panel.accuracy.columns
  if weighted not in known or majority not in known:
    return None
  return (panel.accuracy[weighted] - panel.accuracy[majority]).to_numpy(float)


def hard_gain(
  panels: Mapping[str, panel_lib.Panel],
  policies: Sequence[str],
  aggregation: str,
  convention: str,
) -> pd.DataFrame:
  """Is the lead over sampling larger on hard problems than on easy ones?

  Leads are means over equal budgets (`equal_budget.lead`) under the main voting
  method. Easy and hard problems are different ones: they are resampled
  independently.

  Args:
    panels: by difficulty; without both easy and hard there is no row.
    policies: names, ordered by parameters.
    aggregation: how weighted voting reads step scores.
    convention: FLOPs convention.

  Returns:
    Rows by policy and strategy: hard and easy, the leads, and difference, the
    first less the second, each with its interval.
  """
  if not {"easy", "hard"} <= set(panels):
    return pd.DataFrame()
  leads = {
    part: _leads(panels[part], policies, aggregation, convention)
    for part in ("hard", "easy")
  }
  rows = []
  tail = (1 - intervals.CONFIDENCE) / 2
  for keys, hard in leads["hard"].items():
    easy = leads["easy"].get(keys)
    if easy is None:
      continue
    draws = [
      intervals.resampled_means(lead[:, None], seed=seed)[:, 0]
      for seed, lead in enumerate((hard, easy))
    ]
    gaps = draws[0] - draws[1]
    if np.isnan(gaps).all():  # no problem of one part is done in both searches
      continue
    low, high = np.nanquantile(gaps, [tail, 1 - tail])
    rows.append(
      dict(zip(("policy", "strategy"), keys, strict=True))
      | curves.difference_columns("hard", hard)
      | curves.difference_columns("easy", easy)
      | {"difference": np.nanmean(hard) - np.nanmean(easy)}
      | {"difference_low": low, "difference_high": high}
    )
  return pd.DataFrame(rows)


def _leads(
  panel: panel_lib.Panel,
  policies: Sequence[str],
  aggregation: str,
  convention: str,
) -> dict[tuple[str, str], np.ndarray]:
  """(policy, strategy) -> lead over sampling by problem."""
  voting, _ = votings.main_voting(aggregation)
  leads = {}
  for keys, group in equal_budget.curve_groups(
    panel, policies, aggregation, [convention]
  ):
    base = strategies.main_of(strategies.SAMPLING, group)
    if keys["voting"] != voting or base is None:
      continue
    for strategy, curve in group.items():
      lead = equal_budget.lead(curve, group[base])
      if strategy != base and lead is not None:
        leads[keys["policy"], strategy] = lead[2]
  return leads
