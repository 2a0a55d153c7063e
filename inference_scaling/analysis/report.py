"""Writes summary.csv, figures and report.md from a sweep's records alone."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping

import pandas as pd

from inference_scaling.analysis import (
  claims,
  figures,
  load,
  policy_figures,
  sections,
  style,
)
from inference_scaling.analysis import outcomes as outcomes_lib
from inference_scaling.analysis import panel as panel_lib
from inference_scaling.analysis import summary as summary_lib


@dataclasses.dataclass(frozen=True)
class Analysis:
  """Everything that report.md is written from.

  Attributes:
    summary: rows of `summarize`.
    panels: "all", and "easy" and "hard" where such problems exist.
    claims: growth, best_policy, search_gain, smaller_against_largest.
    policies: number of parameters by policy with records, in rising order.
    notes: what is missing, one sentence each.
    aggregation: of best-of-n and weighted voting in figures and claims;
      "none" without a reward model, which leaves majority voting.
    convention: FLOPs convention of the tables.
    hard_from: the lowest hard level.
    num_subsets: sampled subsets a problem.
  """

  summary: pd.DataFrame
  panels: Mapping[str, panel_lib.Panel]
  claims: Mapping[str, pd.DataFrame]
  policies: Mapping[str, int]
  notes: tuple[str, ...]
  aggregation: str
  convention: str
  hard_from: int
  num_subsets: int


def analyze(
  records: list[load.Record],
  parameters: Mapping[str, int],
  *,
  aggregation: str | None = None,
  convention: str = "paper",
  hard_from: int = panel_lib.HARD_FROM,
  num_subsets: int = 200,
  seed: int = 0,
) -> Analysis:
  """Computes every table of the report.

  Args:
    records: the records of a sweep.
    parameters: number of parameters by policy name.
    aggregation: how best-of-n and weighted voting read step scores in figures
      and claims, one of `load.AGGREGATIONS`; by default the first of these
      that every record has votes by. The summary holds all. Without a reward
      model there is only "none".
    convention: FLOPs convention of tables; one of `load.CONVENTIONS`.
    hard_from: problems of this level and above are hard.
    num_subsets: sampled subsets where there are too many to enumerate.
    seed: seed of the sampled subsets.

  Returns:
    The Analysis.
  """
  recorded = _aggregations(records)
  if aggregation is None:
    aggregation = recorded[0]
  for value, known in (
    (aggregation, recorded),
    (convention, load.CONVENTIONS),
  ):
    if value not in known:
      raise ValueError(f"{value!r} is not known; expected one of {known}")
  frame = outcomes_lib.make_outcomes(
    records, num_subsets=num_subsets, seed=seed
  )
  parts = panel_lib.split_levels(frame, hard_from)
  panels = {
    name: panel_lib.make_panel(part)
    for name, part in parts.items()
    if not part.empty
  }
  summary = summary_lib.summarize(panels, parameters)
  policies = figures.policies_of(summary)
  names, flops = list(policies), f"flops_{convention}"
  whole = panels["all"]
  return Analysis(
    summary=summary,
    panels=panels,
    claims={
      "growth": claims.growth(whole, names, aggregation, flops),
      "best_policy": claims.best_policy(whole, names, aggregation, flops),
      "search_gain": claims.search_gain(panels, names, aggregation, flops),
      "smaller_against_largest": claims.smaller_against_largest(
        whole, names, aggregation
      ),
    },
    policies=policies,
    notes=(*_gaps(summary, records, parameters), *whole.notes),
    aggregation=aggregation,
    convention=convention,
    hard_from=hard_from,
    num_subsets=num_subsets,
  )


def write_report(workdir: str | pathlib.Path, **options) -> pathlib.Path:
  """Writes summary.csv, claims/*.csv, figures/*.png, *.pdf and report.md.

  Args:
    workdir: a sweep's folder with config.json and records.jsonl; the sweep may
      be unfinished.
    **options: passed to `analyze`.

  Returns:
    The path of report.md.

  Raises:
    RecordError: if records or config.json cannot be read.
    FileNotFoundError: if one of the two does not exist.
    OSError: if the results cannot be written.
  """
  workdir = pathlib.Path(workdir)
  parameters = read_parameters(workdir / "config.json")
  records = load.read_records(workdir / "records.jsonl")
  analysis = analyze(records, parameters, **options)
  try:
    return _write(analysis, workdir)
  except OSError as error:
    raise OSError(
      f"cannot write the results to {workdir}: {error}; the records are safe,"
      " make room and write the report again"
    ) from error


def read_parameters(path: pathlib.Path) -> dict[str, int]:
  """Reads the number of parameters of each policy from config.json."""
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
      name: int(policy["parameters"])
      for name, policy in content["policies"].items()
    }
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise load.RecordError(
      f'{path}: expected {{"policies": {{NAME: {{"parameters": COUNT}}}}}}'
      f" ({type(error).__name__}: {error}); the sweep writes this file"
    ) from error


def _write(analysis: Analysis, workdir: pathlib.Path) -> pathlib.Path:
  analysis.summary.to_csv(workdir / "summary.csv", index=False)
  folder = workdir / "claims"
  folder.mkdir(exist_ok=True)
  for name, frame in analysis.claims.items():
    frame.to_csv(folder / f"{name}.csv", index=False)
  summary, how = analysis.summary, analysis.aggregation
  flops = f"flops_{analysis.convention}"
  drawings = {
    "error_vs_flops": figures.error_vs_flops(summary, how),
    "optimal_size": figures.optimal_size(summary, flops),
    "error_vs_n": policy_figures.error_vs_n(summary, how),
    "easy_vs_hard": policy_figures.easy_vs_hard(
      summary, how, flops, analysis.hard_from
    ),
    "voting_methods": policy_figures.voting_methods(summary, how, flops),
  }
  for name, figure in drawings.items():
    style.save(figure, workdir / "figures", name)
  path = workdir / "report.md"
  path.write_text(sections.report(analysis), encoding="utf-8")
  return path


def _aggregations(records: list[load.Record]) -> tuple[str, ...]:
  """The aggregations by which every record holds weighted votes."""
  if not any(record.rewarded for record in records):
    return (outcomes_lib.NO_AGGREGATION,)
  common = set.intersection(*(set(record.votes) for record in records))
  found = tuple(
    how
    for how in load.AGGREGATIONS
    if f"{outcomes_lib.WEIGHTED}/{how}" in common
  )
  if not found:
    raise load.RecordError(
      "no aggregation has weighted votes in every record; votes in common are"
      f" {sorted(common)}, expected {outcomes_lib.WEIGHTED}/HOW with HOW one of"
      f" {load.AGGREGATIONS}"
    )
  return found


def _gaps(summary, records, parameters) -> list[str]:
  """Sentences about what a whole sweep would have and this one has not."""
  notes = []
  missing = sorted(set(parameters) - set(summary["policy"]))
  if missing:
    notes.append(f"No records yet of policies: {', '.join(missing)}.")
  runs: dict[tuple, int] = {}
  for record in records:
    run = (record.policy, record.strategy, record.n, record.seed)
    runs[run] = runs.get(run, 0) + 1
  problems = len({record.problem for record in records})
  for (policy, strategy, n, seed), count in sorted(runs.items()):
    if count < problems:
      notes.append(
        f"Incomplete: {policy} {strategy} n={n} seed={seed} has {count} of"
        f" {problems} problems."
      )
  if not all(record.reward_apart for record in records):
    notes.append(
      "The ledger does not tell the reward model's FLOPs apart: majority voting"
      " is charged for it in the conventions with_reward and full."
    )
  return notes
