"""report.html: the report, and every search behind it, in one file."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import markupsafe

from inference_scaling import names
from inference_scaling.analysis import (
  registry,
  strategies,
  templates,
  votings,
  wording,
)
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import results
from inference_scaling.analysis.report import sections as sections_lib
from inference_scaling.analysis.report.page import (
  chart,
  markdown,
  packing,
  problems,
)
from inference_scaling.analysis.trees import markup

MOST_CHARACTERS = 5_000_000  # of a page
_SPARE = 20_000  # of them, for what stands around
_FOLDER = "report/page/"
_STYLES = ("trees/page.css", f"{_FOLDER}page.css")
_SCRIPTS = (
  "trees/page.js",
  *(
    f"{_FOLDER}{name}.js" for name in ("tables", "chart", "record", "problems")
  ),
)


@dataclasses.dataclass(frozen=True)
class _Part:
  """A section of the page."""

  name: str
  title: str
  html: markupsafe.Markup


def make(
  content: sections_lib.Content,
  texts: Mapping[str, str],
  drawings: Mapping[registry.Figure, str],
  records: Sequence[load.Record],
) -> str:
  """Makes one HTML page that needs neither a network nor other files.

  Args:
    content: of the report.
    texts: its parts, of `sections.texts`.
    drawings: the figures as SVG.
    records: of the report, which come from files.

  Returns:
    The page, of MOST_CHARACTERS at most where figures and tables alone do not
    take them. Write it in UTF-8.

  Raises:
    RecordError: if a file has other records than it had when they were read.
  """
  parts = [
    _Part(name, markdown.title(text), markdown.to_html(text))
    for name, text in texts.items()
  ]
  parts = [_figures(part, drawings, content.analysis) for part in parts]
  size = sum(len(part.html) for part in parts)
  size += sum(map(len, map(templates.asset, (*_STYLES, *_SCRIPTS))))
  method, how = votings.main_voting(content.analysis.aggregation)
  vote = names.vote_name(method, None if method == votings.MAJORITY else how)
  policies = content.analysis.policies
  everyone = dict.fromkeys([*policies, *content.head.policies])
  titles = {
    name: strategies.strategy_name(name)
    for name in strategies.in_order(record.strategy for record in records)
  }
  positions = [
    {name: i for i, name in enumerate(x)} for x in (everyone, titles)
  ]
  runs = sorted(
    set(map(problems.run_of, records)),
    key=lambda run: (positions[0][run[0]], positions[1][run[1]], *run[2:]),
  )
  most = MOST_CHARACTERS - _SPARE - size
  shown = problems.choose(records, runs, vote, most)
  return templates.fill(
    "report/page/page.html.jinja",
    style=markupsafe.Markup("\n").join(map(templates.asset, _STYLES)),
    script=markupsafe.Markup("\n").join(map(templates.asset, _SCRIPTS)),
    opening=parts[0].html,
    parts=parts[1:],
    before=_last_before(parts[1:]),
    rounds=1,
    vote=wording.VOTING_WORDS[method],
    filters={
      "level": {n: n for n in sorted({record.level for record in records})},
      "policy": {name: name for name in everyone},
      "strategy": titles,
    },
    shown=shown,
    left_out=problems.ranges(shown.left_out),
    index=packing.pack(shown.index),
    constants=_data(
      markup.constants()
      | {
        "vote": vote,
        "columns": _vote_columns(content.analysis.aggregation),
        "strategies": titles,
      }
    ),
  )


def _figures(
  part: _Part,
  drawings: Mapping[registry.Figure, str],
  analysis: results.Analysis,
) -> _Part:
  """The same part; that of the figures has their drawings, and a chart."""
  if part.name != sections_lib.figures.__name__:
    return part
  points = chart.data(analysis)
  html = templates.fill(
    "report/page/figures.html.jinja",
    title=part.title,
    chart=points,
    convention=analysis.convention,
    data=_data(points),
    drawings={
      figure: markupsafe.Markup(svg) for figure, svg in drawings.items()
    },
  )
  return dataclasses.replace(part, html=markupsafe.Markup(html))


def _last_before(parts: Sequence[_Part]) -> str:
  """The part behind which the problems stand: the figures, or the first."""
  shown = [part.name for part in parts]
  figures = sections_lib.figures.__name__
  return figures if figures in shown else "".join(shown[:1])


def _vote_columns(aggregation: str) -> dict[str, str]:
  """Votes that the list of searches shows, each with its short name."""
  return {
    names.vote_name(method, None if how == votings.NO_AGGREGATION else how): (
      wording.voting_name(method)
    )
    for method, how in votings.voting_methods(aggregation)
  }


def _data(content: Any) -> markupsafe.Markup:
  """JSON that can stand in an element of the page."""
  text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
  return markupsafe.Markup(text.replace("<", "\\u003c"))
