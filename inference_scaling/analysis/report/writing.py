"""Writes summary.csv, tables, figures and report.md from records alone."""

import pathlib

from matplotlib import figure as figure_lib

from inference_scaling.analysis import files
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.figures import (
  error_vs_flops,
  policy_panels,
  policy_sizes,
  strategy_comparison,
  style,
  vote_limits,
)
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import (
  coverage,
  opening,
  results,
  sections,
)
from inference_scaling.analysis.report import provenance as provenance_lib


def write_report(workdir: str | pathlib.Path, **options) -> pathlib.Path:
  """Writes a report on a sweep into its folder.

  The files are report.md, summary.csv, claims/*.csv, tables/*.csv and
  figures/*.png and *.pdf. They are all made before the first of them is put in
  its place: an error leaves the earlier report whole.

  Args:
    workdir: a sweep's folder with records.jsonl and config.json; the sweep may
      be unfinished. Without config.json the report does not say what was run.
    **options: passed to `analyze`.

  Returns:
    The path of report.md.

  Raises:
    RecordError: if records or config.json cannot be read.
    ValueError: if an option is not known.
    FileNotFoundError: if there are no records.
    OSError: if the results cannot be written.
  """
  workdir = pathlib.Path(workdir)
  path = workdir / "records.jsonl"
  if not path.is_file():
    raise FileNotFoundError(
      f"there is no {path}; give the folder that a sweep has written"
    )
  provenance = provenance_lib.read(workdir / "config.json")
  records = load.read_records(path)
  if provenance is None:
    provenance = provenance_lib.from_records(records)
  head = opening.Head(
    provenance,
    coverage.measure(records, provenance),
    coverage.silent_policies(records),
    tuple(dict.fromkeys(record.policy for record in records)),
  )
  try:
    with files.staging(workdir) as stage:
      _write(_analyze(records, head, options), head, stage)
  except OSError as error:
    raise OSError(
      f"cannot write the results to {workdir}: {error}; the records are safe,"
      " make room and write the report again"
    ) from error
  return workdir / "report.md"


def _analyze(records, head: opening.Head, options) -> results.Analysis:
  """Analyses the policies that have answers; all where none has."""
  parameters = dict(head.provenance.parameters)
  if head.silent and not head.is_silent:
    records = [r for r in records if r.policy not in head.silent]
    parameters = {k: n for k, n in parameters.items() if k not in head.silent}
  return results.analyze(records, parameters, **options)


def draw(analysis: results.Analysis) -> dict[str, figure_lib.Figure]:
  """Draws every figure of the report.

  Args:
    analysis: what `analyze` returns.

  Returns:
    The figures by name; without those that have nothing to compare.
  """
  summary, how = analysis.summary, analysis.aggregation
  tables, policies = analysis.tables, dict(analysis.policies)
  flops = f"flops_{analysis.convention}"
  drawn = {
    "optimal_size": policy_sizes.optimal_size(
      summary,
      tables["optimal_size"],
      tables["optimal_size_lines"],
      how,
      flops,
    ),
    "error_vs_flops": error_vs_flops.error_vs_flops(summary, how),
    "error_vs_n": policy_panels.error_vs_n(summary, how),
    "easy_vs_hard": policy_panels.easy_vs_hard(
      summary, how, flops, analysis.hard_from
    ),
    "voting_methods": policy_panels.voting_methods(summary, how, flops),
    "completion": policy_panels.completion(summary),
    "equal_budget": strategy_comparison.equal_budget(
      tables["equal_budget"], policies, analysis.convention
    ),
    "variants": strategy_comparison.variants(summary, how, flops),
    "aggregations": strategy_comparison.aggregations(
      selection.at_largest_n(tables["aggregations"]), policies
    ),
  }
  if not tables["limits"].empty:
    drawn["limits"] = vote_limits.limits_figure(
      summary, selection.main_variants(tables["limits"]), tables["theory"]
    )
  return {name: figure for name, figure in drawn.items() if figure is not None}


def _write(
  analysis: results.Analysis, head: opening.Head, folder: pathlib.Path
) -> None:
  files.write(folder / "summary.csv", analysis.summary.to_csv(index=False))
  for name, frames in (
    ("claims", analysis.claims),
    ("tables", analysis.tables),
  ):
    for key, frame in frames.items():
      # A file of an earlier report must not stand beside this one.
      files.write(folder / name / f"{key}.csv", frame.to_csv(index=False))
  drawn = {} if head.is_silent else draw(analysis)
  for name, figure in drawn.items():
    style.save(figure, folder / "figures", name)
  text = sections.report(analysis, head, set(drawn))
  files.write(folder / "report.md", text)
