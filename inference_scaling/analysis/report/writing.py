"""Writes summary.csv, tables, figures and report.md from records alone."""

import json
import pathlib

from matplotlib import figure as figure_lib

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
from inference_scaling.analysis.report import results, sections


def write_report(workdir: str | pathlib.Path, **options) -> pathlib.Path:
  """Writes a report on a sweep into its folder.

  The files are report.md, summary.csv, claims/*.csv, tables/*.csv and
  figures/*.png and *.pdf.

  Args:
    workdir: a sweep's folder with config.json and records.jsonl; the sweep may
      be unfinished.
    **options: passed to `analyze`.

  Returns:
    The path of report.md.

  Raises:
    RecordError: if records or config.json cannot be read.
    ValueError: if an option is not known.
    FileNotFoundError: if one of the two does not exist.
    OSError: if the results cannot be written.
  """
  workdir = pathlib.Path(workdir)
  parameters = read_parameters(workdir / "config.json")
  records = load.read_records(workdir / "records.jsonl")
  analysis = results.analyze(records, parameters, **options)
  try:
    return _write(analysis, workdir)
  except OSError as error:
    raise OSError(
      f"cannot write the results to {workdir}: {error}; the records are safe,"
      " make room and write the report again"
    ) from error


def read_parameters(path: pathlib.Path) -> dict[str, int]:
  """Reads the number of parameters of each policy from config.json."""
  if not path.is_file():
    raise FileNotFoundError(
      f"there is no {path}; give the folder that a sweep has written"
    )
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


def _write(analysis: results.Analysis, workdir: pathlib.Path) -> pathlib.Path:
  analysis.summary.to_csv(workdir / "summary.csv", index=False)
  for folder, frames in (
    ("claims", analysis.claims),
    ("tables", analysis.tables),
  ):
    (workdir / folder).mkdir(exist_ok=True)
    for name, frame in frames.items():
      # A file of an earlier report must not stand beside this one.
      path = workdir / folder / f"{name}.csv"
      frame.to_csv(path, index=False)
  drawn = draw(analysis)
  for name, figure in drawn.items():
    style.save(figure, workdir / "figures", name)
  path = workdir / "report.md"
  path.write_text(sections.report(analysis, set(drawn)), encoding="utf-8")
  return path
