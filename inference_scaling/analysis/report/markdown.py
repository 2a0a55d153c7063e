"""Markdown tables, and how names and numbers are written in them."""

from collections.abc import Iterable, Sequence


def table(
  header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 2
) -> str:
  """A markdown table; columns after the first `left` align to the right."""
  align = [":--" if i < left else "--:" for i in range(len(header))]
  lines = [list(header), align, *rows]
  return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def head(
  header: Sequence[str],
  rows: Sequence[Sequence[str]],
  path: str,
  *,
  most: int = 30,
  left: int = 2,
) -> str:
  """The first rows of a markdown table, and where all of it is.

  Args:
    header: names of the columns.
    rows: the cells of every row.
    path: of the CSV file that holds the whole table; after a blank, what else
      it holds.
    most: rows that are shown.
    left: columns that align to the left.

  Returns:
    The table and a line below it.
  """
  more = len(rows) - most
  file, _, rest = path.partition(" ")
  note = "All columns" if more <= 0 else f"{more} more rows and all columns"
  note += f": `{file}`{' ' * bool(rest)}{rest}."
  return f"{table(header, rows[:most], left)}\n\n{note}"
