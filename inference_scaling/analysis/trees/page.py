"""The search tree of one record as a page that one reads in a browser."""

import functools
import html
import io
import json
import pathlib
import string
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import numpy as np

from inference_scaling.analysis import files, strategies
from inference_scaling.analysis.trees import figure, layout, markup, tables
from inference_scaling.spec import record as record_lib

_SCALE_STEPS = 11  # colours in the legend
_LABEL = 24  # most characters above a step of the picture


def tree_page(
  record: Mapping[str, Any],
  label: Callable[[str], str] = layout.short_text,
) -> str:
  """Makes one HTML page that needs neither a network nor other files.

  It shows the question, every step with its reward (its whole text where the
  pointer is), how many beams go on from it, the candidates with their answers,
  all votes and the cost. A click on a step shows the way to it; arrow keys move
  along the tree, and a slider replays the search. It can be printed.

  Args:
    record: as in records.jsonl, or of `sweep.solve`.
    label: makes the short text of a step out of its whole.

  Returns:
    The page. Write it in UTF-8.
  """
  record = record_lib.parse(record)
  run, problem = record.run, record.problem
  title = (
    f"{run.policy}, {strategies.strategy_name(run.strategy)}, "
    f"n = {run.n}, seed {run.seed}"
  )
  where = f"Problem {problem.title}"
  where += f", level {problem.level}"
  if problem.gold:
    where += f", answer {problem.gold}"
  template = string.Template(_asset("page.html"))
  return template.substitute(
    style=_asset("page.css"),
    script=_asset("page.js"),
    title=html.escape(title),
    where=html.escape(where),
    question=html.escape(problem.question.strip()),
    votes=tables.votes(record),
    answers=tables.answers(record),
    summary=_summary(record),
    key=_key(record),
    tree=markup.tree(record, label),
    candidates=tables.candidates(record),
    cost=tables.cost(record),
    data=_data(record),
    rounds=max(record.tree.rounds, default=0) + 1,
  )


def write_tree(
  record: Mapping[str, Any], page: str | pathlib.Path
) -> tuple[pathlib.Path, pathlib.Path]:
  """Writes the page of a search tree, and its picture beside it.

  Args:
    record: as in records.jsonl, or of `sweep.solve`.
    page: the file, which ends in .html; its folder is made where missing.

  Returns:
    The page and the picture (.png).

  Raises:
    ValueError: if the file does not end in .html.
    OSError: if a file cannot be written.
  """
  page = check_page(page)
  files.write(page, tree_page(record))
  label = functools.partial(layout.short_text, most=_LABEL)
  picture = page.with_suffix(".png")
  drawn = io.BytesIO()
  figure.search_tree(record, label).savefig(
    drawn, format="png", metadata={"Software": None}
  )
  files.write(picture, drawn.getvalue())
  return page, picture


def check_page(page: str | pathlib.Path) -> pathlib.Path:
  """Checks that a page can be written, before there is a record.

  Args:
    page: the file; its folder is made where missing.

  Returns:
    Its path.

  Raises:
    ValueError: if it does not end in .html.
    OSError: if it cannot be written.
  """
  page = pathlib.Path(page)
  if page.suffix not in (".html", ".htm"):
    raise ValueError(
      f"the page of a search tree is to be {page}; expected a name that ends "
      "in .html."
    )
  files.check(page)
  return page


def _asset(name: str) -> str:
  """A file that lies beside this module."""
  return resources.files(__package__).joinpath(name).read_text("utf-8")


def _summary(record: record_lib.Record) -> str:
  """The tree in numbers, in words."""
  ends = [candidate.status for candidate in record.candidates]
  lost = sum(not node.kept for node in layout.place_nodes(record))
  counts = [
    f"{ends.count(status)} {name}"
    for status, name in markup.ENDS.items()
    if status in ends
  ]
  return (
    f"{len(record.tree.parents)} steps, {lost} of them in no candidate; "
    f"{len(ends)} candidates{': ' * bool(ends)}{', '.join(counts)}"
  )


def _key(record: record_lib.Record) -> str:
  """The legend of colours; empty without rewards."""
  limits = layout.score_limits(record)
  if limits is None:
    return ""
  cells = "".join(
    f'<b style="{markup.reward_cell(score, limits)}"></b>'
    for score in np.linspace(*limits, _SCALE_STEPS)
  )
  low, high = map("{:.3g}".format, limits)
  return f'<span class="scale">reward {low} {cells} {high}</span>'


def _data(record: record_lib.Record) -> str:
  """What the script reads: the steps, by node, as JSON."""
  tree = record.tree
  data = {
    name: getattr(tree, name)
    for name in ("parents", "rounds", "widths", "tokens", "texts")
  }
  data["ends"] = {
    node.number: ", ".join(_end(record.candidates[i]) for i in node.candidates)
    for node in layout.place_nodes(record)
    if node.candidates
  }
  text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
  # Or a step could close the script's element.
  return text.replace("<", "\\u003c")


def _end(candidate: record_lib.Candidate) -> str:
  """A candidate in words."""
  if candidate.answer is None:
    return markup.silence(candidate)
  mark = markup.MARKS[candidate.correct]
  return f"{candidate.answer} {mark}".strip()
