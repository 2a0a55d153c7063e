"""Texts with holes: `*.md.jinja` and `*.html.jinja`, filled with values.

A template holds the words of a section or a page. A value that it names and is
not given raises, and what goes into HTML is escaped.
"""

import jinja2

from inference_scaling.analysis import strategies, wording

_ENVIRONMENT = jinja2.Environment(
  loader=jinja2.PackageLoader(__package__, ""),
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


def fill(template: str, **values) -> str:
  """Fills a template.

  Args:
    template: its path in this folder: "report/templates/limits.md.jinja".
    **values: by the names that it calls them.

  Returns:
    The text.

  Raises:
    jinja2.UndefinedError: if it names a value that is not given.
  """
  return _ENVIRONMENT.get_template(template).render(values)
