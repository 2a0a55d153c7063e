"""Templates of sections and pages: `*.md.jinja` and `*.html.jinja`.

A variable without a value raises, and values in HTML are escaped.
"""

from importlib import resources
from typing import Any

import jinja2
import markupsafe

from inference_scaling.analysis import strategies, wording

_PACKAGE = "inference_scaling.analysis"
_ENVIRONMENT = jinja2.Environment(
  loader=jinja2.PackageLoader(_PACKAGE, ""),
  undefined=jinja2.StrictUndefined,
  autoescape=jinja2.select_autoescape(["html.jinja"]),
  trim_blocks=True,
  lstrip_blocks=True,
  keep_trailing_newline=True,
)
# What every template may call.
_ENVIRONMENT.globals |= {
  "method": wording.method,
  "percent": wording.percent,
  "policy_name": wording.policy,
  "points": wording.points,
  "strategy_name": strategies.strategy_name,
}
# Markdown has a paragraph on one line, its template on several.
_ENVIRONMENT.filters["paragraph"] = lambda text: (
  text.strip().replace("\n", " ") + "\n"
)


def fill(template: str, **values: Any) -> str:
  """Fills a template.

  Args:
    template: its path in this folder: "report/templates/limits.md.jinja".
    **values: of its variables.

  Returns:
    The text.

  Raises:
    jinja2.UndefinedError: if a variable has no value.
  """
  return _ENVIRONMENT.get_template(template).render(values)


def asset(path: str) -> markupsafe.Markup:
  """A style or a script, to stand in a page as it is.

  Args:
    path: in this folder: "trees/page.css".

  Returns:
    The text.
  """
  text = resources.files(_PACKAGE).joinpath(path).read_text("utf-8")
  return markupsafe.Markup(text)
