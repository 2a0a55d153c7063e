"""Writes summary.csv, tables, figures and the report from records alone."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import figure as figure_lib

from inference_scaling.analysis import figures as figures_lib
from inference_scaling.analysis import files, latex, registry
from inference_scaling.analysis import report as report_lib
from inference_scaling.analysis.figures import style
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import (
  coverage,
  opening,
  results,
  sections,
)
from inference_scaling.analysis.report.folders import (
  joining,
  sources,
)
from inference_scaling.analysis.report.page import page

# Their modules are searched for figures and sections.
_PACKAGES = (figures_lib, report_lib)


def write_report(
  workdirs: str | pathlib.Path | Sequence[str | pathlib.Path],
  output: str | pathlib.Path | None = None,
  **options: Any,
) -> pathlib.Path:
  """Writes a report on a sweep, or one on several.

  The files are report.md, report.html, report.tex, summary.csv, claims/*.csv,
  tables/*.csv and figures/*.png, *.pdf and *.svg. They are all made before the
  first of them replaces an earlier one: an error leaves the earlier report
  whole.

  Args:
    workdirs: a sweep's folder with records.jsonl and config.json, or several
      of one benchmark, see `joining`; sweeps may be unfinished. Without
      config.json a report on one folder lacks the settings of the runs.
    output: the folder of the report, made where missing; by default that of
      the sweep. Several sweeps need one.
    **options: passed to `analyze`.

  Returns:
    The path of report.md.

  Raises:
    RecordError: if records or config.json cannot be read.
    ValueError: if an option is not known, or if the folders do not belong
      together or have no output of their own.
    FileNotFoundError: if there are no records.
    OSError: if the results cannot be written.
  """
  if isinstance(workdirs, str | pathlib.Path):
    workdirs = [workdirs]
  folders = [pathlib.Path(folder) for folder in workdirs]
  target = _target(folders, output)
  records, provenance = joining.join(sources.read(folders))
  head = opening.Head(
    provenance,
    coverage.measure(records, provenance),
    coverage.silent_policies(records),
    tuple(dict.fromkeys(record.policy for record in records)),
  )
  try:
    target.mkdir(parents=True, exist_ok=True)
    with files.staging(target) as stage:
      made = _analyze(records, head, options)
      _write(made, head, records, stage)
    for name in set(results.OPTIONAL_TABLES) - set(made.tables):
      # A file of an earlier report must not stand beside this one.
      _table(target, name).unlink(missing_ok=True)
  except OSError as error:
    raise OSError(
      f"cannot write the results to {target}: {error}; the records are safe,"
      " free some space and write the report again"
    ) from error
  return target / "report.md"


def _target(
  folders: Sequence[pathlib.Path], output: str | pathlib.Path | None
) -> pathlib.Path:
  """The folder that a report is written to."""
  if not folders:
    raise ValueError(
      "no folders; expected one or more that sweeps have written"
    )
  if len(folders) == 1:
    return folders[0] if output is None else pathlib.Path(output)
  if output is None:
    raise ValueError(
      f"a report on {len(folders)} folders belongs into none of them; give"
      " another one, such as --output=runs/joined"
    )
  output = pathlib.Path(output)
  if output.resolve() in [folder.resolve() for folder in folders]:
    raise ValueError(
      f"output {output} is one of the folders that the report is of, whose own"
      " report it would replace; give another folder"
    )
  return output


def _analyze(
  records: list[load.Record], head: opening.Head, options: Mapping[str, Any]
) -> results.Analysis:
  """Analyses the policies that have answers; all where none has."""
  parameters = dict(head.provenance.parameters)
  if head.provenance.runs:  # or it would wait for one that is only a draft
    wanted = {*head.policies, *(run[0] for run in head.provenance.runs)}
    parameters = {k: n for k, n in parameters.items() if k in wanted}
  if head.silent and not head.is_silent:
    records = [r for r in records if r.policy not in head.silent]
    parameters = {k: n for k, n in parameters.items() if k not in head.silent}
  return results.analyze(records, parameters, **options)


def draw(
  analysis: results.Analysis,
) -> dict[registry.Figure, figure_lib.Figure]:
  """Draws every figure that is registered.

  Args:
    analysis: of `analyze`.

  Returns:
    The drawings, in order; without those that have nothing to compare.
  """
  figures = registry.find(registry.Figure, _PACKAGES)
  drawn = {figure: figure.make(analysis) for figure in figures}
  return {figure: made for figure, made in drawn.items() if made is not None}


def _table(folder: pathlib.Path, name: str) -> pathlib.Path:
  return folder / "tables" / f"{name}.csv"


def _write(
  analysis: results.Analysis,
  head: opening.Head,
  records: Sequence[load.Record],
  folder: pathlib.Path,
) -> None:
  files.write(folder / "summary.csv", analysis.summary.to_csv(index=False))
  # Empty ones, too: a file of an earlier report must not stand beside this one.
  for name, frame in analysis.claims.items():
    files.write(folder / "claims" / f"{name}.csv", frame.to_csv(index=False))
  for name, frame in analysis.tables.items():
    files.write(_table(folder, name), frame.to_csv(index=False))
  drawn = {} if head.is_silent else draw(analysis)
  for figure, made in drawn.items():
    style.save(made, folder / "figures", figure.name)
  content = sections.Content(analysis, head, tuple(drawn))
  texts = sections.texts(content, registry.find(registry.Section, _PACKAGES))
  report = sections.report(texts)
  files.write(folder / "report.md", report)
  files.write(folder / "report.tex", latex.tables(report))
  drawings = {
    figure: path.read_text("utf-8")
    for figure in drawn
    if (path := folder / "figures" / f"{figure.name}.svg").exists()
  }
  files.write(
    folder / "report.html", page.make(content, texts, drawings, records)
  )
