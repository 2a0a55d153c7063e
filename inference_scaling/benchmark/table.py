"""The results: rows of a table, as text and as JSON."""

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from inference_scaling.benchmark import timing

_HEAD = ("", "value", "unit", "")


@dataclasses.dataclass(frozen=True)
class Row:
  """One number.

  Attributes:
    section: of the table.
    name: what was measured.
    value: the number; None where the note says why there is none.
    unit: of the number.
    note: its conditions.
    rounds: the numbers of the rounds that it is the median of.
  """

  section: str
  name: str
  value: float | None
  unit: str = ""
  note: str = ""
  rounds: tuple[float, ...] = ()


def faster(
  section: str,
  what: str,
  engine: str,
  own: timing.Seconds,
  other: timing.Seconds,
  note: str,
) -> Row:
  """Makes the row that compares another engine with this package.

  Args:
    section: of the table.
    what: was done.
    engine: the other one.
    own: time of this package.
    other: time of the engine, in turns with it.
    note: how each did it.

  Returns:
    How many times as fast this package was.
  """
  ratio = timing.combine(lambda a, b: b / a, own, other)
  name = f"{what}: faster than {engine}"
  return Row(section, name, ratio.median, "x", note, ratio.rounds)


def render(rows: Sequence[Row]) -> str:
  """Writes rows as text, section by section.

  Args:
    rows: in the order in which they are to appear.

  Returns:
    The table.
  """
  cells = [(row.name, _number(row.value), row.unit) for row in rows]
  widths = [max(map(len, column), default=0) for column in zip(*cells)]  # noqa: B905
  lines = []
  for section, group in itertools.groupby(
    zip(rows, cells, strict=True), key=lambda pair: pair[0].section
  ):
    lines += ["", section]
    for row, (name, value, unit) in group:
      line = f"  {name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}"
      lines.append(f"{line}  {row.note}".rstrip())
  return "\n".join(lines[1:])


def prepare(path: str | pathlib.Path) -> None:
  """Makes sure that a file can be written; what it holds stays.

  Args:
    path: of the file; its folder is made where missing.

  Raises:
    OSError: where it cannot.
  """
  path = pathlib.Path(path)
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.open("a").close()
  except OSError as error:
    raise OSError(
      f"{path} cannot be written ({error.strerror}); expected a file for the "
      "numbers. Give --output another name, or '' for none."
    ) from error


def write(
  path: str | pathlib.Path, setting: Mapping[str, Any], rows: Sequence[Row]
) -> None:
  """Writes rows as a JSON file.

  Args:
    path: of the file; see `prepare`.
    setting: the options and the machine.
    rows: of the table.
  """
  prepare(path)
  content = {
    "setting": dict(setting),
    "rows": [dataclasses.asdict(row) for row in rows],
  }
  text = json.dumps(content, indent=1) + "\n"
  pathlib.Path(path).write_text(text, encoding="utf-8")


def _number(value: float | None) -> str:
  """Three or four digits, whatever the size."""
  if value is None:
    return "-"
  if value == int(value) or abs(value) >= 1000:
    return f"{value:,.0f}"
  return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
