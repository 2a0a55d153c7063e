"""Sections of the report, which are markdown, as HTML."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import markdown_it
import markupsafe
from markdown_it import renderer, token

_TITLE = re.compile(r"^## +(.+?) *$", re.MULTILINE)


def to_html(text: str) -> markupsafe.Markup:
  """Renders a section: headings, paragraphs, lists, tables and code.

  Anything else stays text: names and answers of others must not become markup,
  links or images.

  Args:
    text: markdown.

  Returns:
    HTML.
  """
  return markupsafe.Markup(_PARSER.render(text, {"title": title(text)}))


def title(text: str) -> str:
  """The heading of a section without marks; "" for one without any."""
  match = _TITLE.search(text)
  return match[1].replace("`", "") if match else ""


def _open_table(
  self: renderer.RendererHTML,
  tokens: Sequence[token.Token],
  index: int,
  options: Mapping[str, Any],
  env: MutableMapping[str, Any],
) -> str:
  """A wide table scrolls in itself, by keys, too."""
  del self, tokens, index, options
  label = markupsafe.escape(env["title"] or "Table")
  return (
    f'<div class="table" tabindex="0" role="region" aria-label="{label}">'
    "<table>\n"
  )


def _close_table(self: renderer.RendererHTML, *unused: Any) -> str:
  del self
  return "</table></div>\n"


def _make_parser() -> markdown_it.MarkdownIt:
  parser = markdown_it.MarkdownIt("commonmark", {"html": False})
  parser.enable("table").disable(["image", "link", "autolink", "entity"])
  parser.add_render_rule("table_open", _open_table)
  parser.add_render_rule("table_close", _close_table)
  return parser


_PARSER = _make_parser()
