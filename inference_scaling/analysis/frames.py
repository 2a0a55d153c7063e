"""Rows of data frames, with types that can be checked.

By its annotations pandas may return a Series, an array or a frame for one and
the same expression. These functions say which it is.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd


def select(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
  """The rows whose columns hold the given values.

  Args:
    frame: any frame.
    **columns: column name -> value, or a list of values of which a row may
      hold any.

  Returns:
    The rows in their order; of an empty frame, which may have no columns, the
    frame itself.
  """
  if frame.empty:
    return frame
  for name, value in columns.items():
    values = value if isinstance(value, list) else [value]
    frame = frame.loc[frame[name].isin(values)]
  return frame


def groups(
  frame: pd.DataFrame, names: Sequence[str], *, sort: bool = False
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
  """Yields the rows of each combination of values of some columns.

  Args:
    frame: has these columns, unless it is empty.
    names: of the columns.
    sort: whether to order the groups by their values; by default they come in
      the order of the frame.

  Yields:
    The values and the rows.
  """
  if not frame.empty:
    for key, rows in frame.groupby(list(names), sort=sort):
      assert isinstance(key, tuple)
      yield key, rows


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
  """The rows as dictionaries by column name."""
  return [
    {str(name): value for name, value in row.items()}
    for row in frame.to_dict("records")
  ]
