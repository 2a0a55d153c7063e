"""The search tree of one record as a page for a browser."""

import functools
import io
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from inference_scaling.analysis import files, templates
from inference_scaling.analysis.trees import figure, layout, markup
from inference_scaling.spec import record as record_lib

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
  return templates.fill(
    "trees/page.html.jinja",
    label=label,
    style=templates.asset("trees/page.css"),
    script=templates.asset("trees/page.js"),
    **markup.values(record_lib.parse(record)),
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
