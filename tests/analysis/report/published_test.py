"""Published results, written and drawn again from their tables."""

import pathlib
import re

import pandas as pd
import pytest

from inference_scaling.analysis import figures, registry, report
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.report import (
  coverage,
  opening,
  provenance,
  results,
  sections,
  writing,
)

RESULTS = pathlib.Path(__file__).parents[3] / "configs" / "results"
FOLDERS = sorted(path.parent for path in RESULTS.glob("*/summary.csv"))
# The one lists files that are not published, the other counts subsets.
APART = {"figures", "method"}
_FOOTNOTE = "\n\n† of an incomplete run: of the problems that are recorded."


def read(path):
  """A table of a report as it was before it was written."""
  try:
    # Of names "none" is one.
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
  except pd.errors.EmptyDataError:
    return pd.DataFrame()
  if "runner_up" in frame:
    frame["runner_up"] = frame["runner_up"].fillna("")
  return frame


@pytest.fixture(
  name="published",
  scope="module",
  params=FOLDERS,
  ids=lambda folder: folder.name,
)
def _published(request):
  """The published text, its figures' names and the analysis behind it."""
  folder = request.param
  text = (folder / "report.md").read_text("utf-8")
  summary = read(folder / "summary.csv")
  how = re.search(r"read step scores by `(\w+)`", text)
  tables, claims = (
    {path.stem: read(path) for path in (folder / name).glob("*.csv")}
    for name in ("tables", "claims")
  )
  made = results.Analysis(
    summary=summary,
    panels={},
    claims=claims,
    tables=tables,
    policies=selection.policies_of(summary),
    notes=(),
    aggregation=how.group(1) if how else "none",
    convention=re.search(r"in convention `(\w+)`", text).group(1),
    hard_from=int(re.search(r"level below (\d+)", text).group(1)),
    num_subsets=200,
    records=(),
  )
  return folder, text, made


def test_all_results_are_looked_at():
  assert {path.name for path in FOLDERS} >= {"scaling_laws", "strategies"}


def test_every_section_has_the_published_numbers(published):
  _, text, made = published
  # Which runs lack problems is told by records, which this does not read.
  text = text.replace(_FOOTNOTE, "").replace("†", "")
  head = opening.Head(
    provenance.Provenance(made.policies),
    coverage.Coverage(0, 0, False, {}),
    {},
    tuple(made.policies),
  )
  content = sections.Content(made, head, ())
  parts = [
    entry.make(content).strip()
    for entry in registry.find(registry.Section, (figures, report))
    if entry.name not in APART
  ]
  parts = [part for part in parts if part]
  assert len(parts) > 5
  for part in parts:
    assert part in text, part[:200]
  assert [text.index(part) for part in parts] == sorted(
    text.index(part) for part in parts
  )


def test_the_published_figures_are_drawn(published):
  folder, text, made = published
  drawn = [figure.name for figure in writing.draw(made)]
  assert re.findall(r"\(figures/(\w+)\.png\)", text) == drawn
  assert {path.stem for path in folder.glob("figures/*.png")} == set(drawn)
