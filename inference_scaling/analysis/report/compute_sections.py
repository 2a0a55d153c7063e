"""Sections on costs: frontier, best per budget, sizes, time, shared states."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from inference_scaling import names, voting
from inference_scaling.analysis import (
  frames,
  registry,
  strategies,
  templates,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import (
  hidden_states as hidden_states_lib,
)
from inference_scaling.analysis.comparison import (
  machine_time,
  optimal_size,
  selection,
)
from inference_scaling.analysis.records import flops_parts, load
from inference_scaling.analysis.report import results

# Conventions that count the reward model, by ways to charge hidden states.
_WAYS = tuple(
  itertools.product(hidden_states_lib.CONVENTIONS, flops_parts.CHARGES)
)


@registry.section(60)
def pareto_frontier(analysis: results.Analysis) -> str:
  """Configurations on the Pareto frontier of some convention."""
  frame = analysis.tables["pareto"]
  rows = [
    row
    for row in frames.records(frame)
    if any(row[f"on_{name}"] for name in names.CONVENTIONS)
  ]
  return templates.fill(
    "report/templates/pareto_frontier.md.jinja",
    rows=rows,
    compared=len(frame),
    conventions=names.CONVENTIONS,
  )


@registry.section(62)
def thinking(analysis: results.Analysis) -> str:
  """Tokens of thinking and of answers, of policies that think."""
  groups: dict[tuple, list[load.Record]] = {}
  for record in analysis.records:
    if record.thinking_tokens is not None and len(record.answers):
      key = (record.policy, record.strategy, record.n)
      groups.setdefault(key, []).append(record)
  rows = []
  for (policy, strategy, n), group in sorted(groups.items()):
    thinks = np.concatenate(
      [np.asarray(record.thinking_tokens) for record in group]
    )
    tokens = np.concatenate([record.candidate_tokens for record in group])
    answers = np.concatenate([record.answers for record in group])
    rows.append(
      (
        policy,
        strategies.strategy_name(strategy),
        n,
        f"{thinks.mean():.1f}",
        f"{(tokens - thinks).mean():.1f}",
        f"{100 * (answers == voting.ABSTAIN).mean():.1f}",
      )
    )
  if not rows:
    return ""
  return templates.fill("report/templates/thinking.md.jinja", rows=rows)


@registry.section(65)
def wall_time(analysis: results.Analysis) -> str:
  """Hours and dollars of runs, and accuracy by them."""
  frame = analysis.tables.get(machine_time.RUNS)
  if frame is None:
    return ""
  priced = machine_time.DOLLARS in frame
  timed = frames.records(machine_time.timed(frame))
  costs = frames.records(
    analysis.tables.get(machine_time.ACCURACY, pd.DataFrame())
  )
  voting, _ = votings.main_voting(analysis.aggregation)
  header = ("policy", "strategy", "n", "seed", "problems", "hours")
  cost_header = ("policy", "method", "n", "accuracy %", "seconds")
  return templates.fill(
    "report/templates/wall_time.md.jinja",
    price=f"{frame['price_per_hour'].iloc[0]:,g}" if priced else None,
    untimed=sum(frame["untimed"]),
    records=sum(frame["records"]),
    left_out=len(frame) - len(timed),
    header=(*header, "dollars") if priced else header,
    total=("**all**", "", "", "", *_run_cells(timed)),
    runs=list(map(_run_row, timed)),
    voting=wording.VOTING_WORDS[voting],
    num_common=analysis.num_common,
    shares=not all(row["measured"] for row in costs),
    cost_header=(*cost_header, *["dollars"] * priced, "on the frontier"),
    costs=list(map(_cost_row, costs)),
  )


@registry.section(70)
def best_configurations(analysis: results.Analysis) -> str:
  """The best configuration that each budget pays for."""
  frame = analysis.tables["best_configuration"]
  return templates.fill(
    "report/templates/best_configurations.md.jinja",
    rows=frames.records(frames.select(frame, convention=analysis.convention)),
  )


@registry.section(80)
def optimal_sizes(analysis: results.Analysis) -> str:
  """The line of optimal size against budget."""
  frame = analysis.tables["optimal_size_lines"]
  if frame.empty:
    return ""
  mains = strategies.main_strategies(frame["strategy"])
  rows = frames.records(frames.select(frame, strategy=mains))
  rows.sort(key=lambda row: row["strategy"] != optimal_size.ANY)
  return templates.fill(
    "report/templates/optimal_sizes.md.jinja",
    rows=rows,
    any=optimal_size.ANY,
  )


@registry.section(115)
def hidden_states(analysis: results.Analysis) -> str:
  """A value head on its own policy: FLOPs and leads, charged in both ways."""
  frame = analysis.tables.get("hidden_states")
  if frame is None:
    return ""
  voting, _ = votings.main_voting(analysis.aggregation)
  leads = analysis.tables["hidden_states_leads"]
  convention = names.FULL
  return templates.fill(
    "report/templates/hidden_states.md.jinja",
    policies=list(dict.fromkeys(frame["policy"])),
    shares=_shares(frame),
    charges=analysis.charges,
    header=("policy", "method", "n", "accuracy %", *map(" ".join, _WAYS)),
    rows=[
      _flops_row(row) for row in frames.records(selection.main_variants(frame))
    ],
    leads=_leads(
      frames.select(selection.main_variants(leads), convention=convention)
    ),
    leads_header=("policy", "strategy", "against", *flops_parts.CHARGES),
    convention=convention,
    voting=wording.VOTING_WORDS[voting],
  )


def _run_cells(runs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
  """Problems, hours and, where there are, dollars of runs together."""
  amounts = (
    wording.amount(sum(row[name] for row in runs))
    for name in ("hours", machine_time.DOLLARS)
    if runs and name in runs[0]
  )
  return f"{sum(row['records'] for row in runs):,}", *amounts


def _run_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
  name = strategies.strategy_name(row["strategy"])
  return row["policy"], name, row["n"], row["seed"], *_run_cells([row])


def _cost_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
  names = (machine_time.SECONDS, machine_time.DOLLARS)
  mark = "" if row["measured"] else "~"
  return (
    row["policy"],
    wording.method(row["strategy"], row["voting"]),
    row["n"],
    wording.percent(row["accuracy"], row["low"], row["high"]),
    *(mark + wording.amount(row[name]) for name in names if name in row),
    f"{row['share']:.0%}" if row["on_frontier"] else "-",
  )


def _flops_row(row: dict[str, Any]) -> tuple[Any, ...]:
  return (
    row["policy"],
    wording.method(row["strategy"], row["voting"]),
    row["n"],
    wording.percent(row["accuracy"], row["low"], row["high"]),
    *(f"{row['_'.join(('flops', *way))]:.3g}" for way in _WAYS),
  )


def _shares(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
  """Convention, and the least and most that is left when charged once."""
  shares = []
  for convention in hidden_states_lib.CONVENTIONS:
    once, twice = (
      frame[f"flops_{convention}_{charges}"].to_numpy(float)
      for charges in (flops_parts.ONCE, flops_parts.TWICE)
    )
    left = (once / twice)[once < twice]
    if left.size:
      shares.append((convention, f"{left.min():.0%}", f"{left.max():.0%}"))
  return shares


def _leads(frame: pd.DataFrame) -> list[tuple[str, ...]]:
  """A row per policy, strategy and baseline with a cell per way."""
  rows = []
  keys = ["policy", "strategy", "baseline"]
  for (policy, strategy, baseline), part in frames.groups(frame, keys):
    cells = {
      row["charges"]: f"{wording.points(row, 'difference')} from"
      f" {row['from']:.2g} to {row['to']:.2g}"
      for row in frames.records(part)
    }
    rows.append(
      (
        policy,
        strategies.strategy_name(strategy),
        wording.method(strategies.SAMPLING, baseline),
        *(cells.get(charges, "-") for charges in flops_parts.CHARGES),
      )
    )
  return rows
