r"""The tables of a report in LaTeX, made of its Markdown.

Headings become captions. The result is input into a document that loads the
package `booktabs`: `\input{report}`.
"""

import re
from collections.abc import Iterator, Sequence

_HEAD = r"""% Tables of report.md. The document needs \usepackage{booktabs}.
"""
_WIDE = 40  # characters of a cell from which on its column breaks lines
_SPECIAL = {
  "\\": r"\textbackslash{}", "~": r"\textasciitilde{}",
  "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "†": r"\dag{}",
  "\u00d7": r"$\times$", "±": r"$\pm$", "→": r"$\to$", "∞": r"$\infty$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}  # fmt: skip
_TOKEN = re.compile(
  r"`(?P<code>[^`]*)`|\*\*(?P<bold>.+?)\*\*"
  r"|(?<![\w*])\*(?P<emphasis>[^*\s][^*]*)\*|\[(?P<link>[^\]]*)\]\([^)]*\)"
  r"|(?<![\w.])(?P<digits>[-+]?\d+(?:\.\d+)?)e(?P<power>[-+]\d+)"
  r"|(?P<minus>(?<![\w.])-(?=[\d.]))"
  rf"|(?P<special>[{re.escape(''.join(_SPECIAL))}])"
)
_CELL_END = re.compile(r"(?<!\\)\|")
_HEADING = re.compile(r"(#{2,3}) (.*)")


def tables(report: str) -> str:
  """Writes the tables of a report.

  Args:
    report: Markdown.

  Returns:
    LaTeX; a table environment for each table.
  """
  parts = [_table(heading, rows) for heading, rows in _tables(report)]
  return "\n".join([_HEAD, *parts])


def text(markdown: str) -> str:
  r"""Writes a line of Markdown.

  Args:
    markdown: such as "**+3.2** at 2.3e+07 FLOPs, `last`".

  Returns:
    LaTeX: numbers with a power of ten as mathematics, signs escaped.
  """

  def written(match: re.Match) -> str:
    kind = match.lastgroup
    if kind == "code":
      return f"\\texttt{{{_escaped(match['code'])}}}"
    if kind == "bold":
      return f"\\textbf{{{text(match['bold'])}}}"
    if kind == "emphasis":
      return f"\\emph{{{text(match['emphasis'])}}}"
    if kind == "link":
      return text(match["link"])
    if kind == "power":
      return f"${match['digits']} \\times 10^{{{int(match['power'])}}}$"
    return "$-$" if kind == "minus" else _SPECIAL[match["special"]]

  return _TOKEN.sub(written, markdown)


def _tables(report: str) -> Iterator[tuple[str, list[list[str]]]]:
  """Yields heading and rows of each table; the second row is its alignment."""
  section, heading = "", ""
  rows: list[list[str]] = []
  for line in [*report.splitlines(), ""]:
    if line.startswith("|"):
      rows.append([part.strip() for part in _CELL_END.split(line)[1:-1]])
      continue
    if len(rows) > 1:
      yield heading, rows
    rows = []
    if match := _HEADING.fullmatch(line):
      inner = match[1] == "###" and section
      heading = f"{section}: {match[2]}" if inner else match[2]
      section = section if inner else match[2]


def _table(heading: str, rows: Sequence[Sequence[str]]) -> str:
  """Writes a table."""
  header, alignment, *body = rows
  label = re.sub(r"\W+", "-", heading.lower()).strip("-")
  columns = "".join(
    _column(mark, [row[i] for row in body if i < len(row)])
    for i, mark in enumerate(alignment)
  )
  lines = [" & ".join(map(_cell, row)) + r" \\" for row in (header, *body)]
  return "\n".join(
    [
      r"\begin{table}", r"\centering", rf"\caption{{{text(heading)}}}",
      rf"\label{{tab:{label}}}", rf"\begin{{tabular}}{{{columns}}}",
      r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule",
      r"\end{tabular}", r"\end{table}", "",
    ]
  )  # fmt: skip


def _column(mark: str, cells: Sequence[str]) -> str:
  if max(map(len, cells), default=0) > _WIDE:
    return r"p{0.3\linewidth}"
  return "r" if mark.endswith(":") else "l"


def _cell(markdown: str) -> str:
  cell = text(markdown.replace("\\|", "|"))
  # Behind \\ a bracket would be the length of a space.
  return f"{{}}{cell}" if cell.startswith("[") else cell


def _escaped(plain: str) -> str:
  return "".join(_SPECIAL.get(sign, sign) for sign in plain)
