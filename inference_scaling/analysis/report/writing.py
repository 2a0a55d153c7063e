"""Writes summary.csv, tables, figures and report.md from records alone."""

import pathlib

from matplotlib import figure as figure_lib

from inference_scaling.analysis import figures, files, registry
from inference_scaling.analysis import report as report_lib
from inference_scaling.analysis.figures import style
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import (
  coverage,
  opening,
  results,
  sections,
)
from inference_scaling.analysis.report import provenance as provenance_lib

# Whose modules are looked through for figures and sections.
_PACKAGES = (figures, report_lib)


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


def draw(
  analysis: results.Analysis,
) -> dict[registry.Figure, figure_lib.Figure]:
  """Draws every figure that is registered.

  Args:
    analysis: what `analyze` returns.

  Returns:
    The drawings, in order; without those that have nothing to compare.
  """
  found = registry.find(registry.Figure, _PACKAGES)
  drawn = {figure: figure.make(analysis) for figure in found}
  return {figure: made for figure, made in drawn.items() if made is not None}


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
  for figure, made in drawn.items():
    style.save(made, folder / "figures", figure.name)
  text = sections.report(
    sections.Content(analysis, head, tuple(drawn)),
    registry.find(registry.Section, _PACKAGES),
  )
  files.write(folder / "report.md", text)
