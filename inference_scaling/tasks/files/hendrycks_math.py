"""MATH, 12,500 competition problems with levels: 7,500 for training.

References:
  Hendrycks et al., Measuring Mathematical Problem Solving With the MATH
    Dataset, 2021 (arXiv:2103.03874), Section 3.
"""

import pathlib

from inference_scaling.tasks import problem
from inference_scaling.tasks.extraction import boxes
from inference_scaling.tasks.files import rows

LEVELS = range(1, 6)
UNKNOWN = "Level ?"  # of two problems of the train split


def load_math(path: rows.Path) -> list[problem.Problem]:
  r"""Loads MATH from a parquet file or JSON lines.

  Each row has `problem`, `level` ("Level 1" to "Level 5", or 1 to 5) and
  `solution`, whose last `\boxed{...}` is the answer; where a file has the
  answer in `answer`, too, that is taken. "Level ?" is level 0. Other fields,
  such as `type`, are left.

  Args:
    path: the file.

  Returns:
    The problems, in the order of the file and numbered from 0; the source is
    the file's name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  source = pathlib.Path(path).stem
  return [
    problem.Problem(
      number, row.text("problem"), _gold(row), read_level(row, (UNKNOWN,)),
      source,
    )
    for number, row in enumerate(rows.read_rows(path))
  ]  # fmt: skip


def read_level(row: rows.Row, unknown: tuple[str, ...] = ()) -> int:
  """Reads the level of a row.

  Args:
    row: the row.
    unknown: texts that stand for a level that is not known, which is 0.

  Returns:
    1 to 5, or 0.

  Raises:
    ValueError: if it is something else.
  """
  value = row.fields.get("level")
  if value in unknown:
    return 0
  level = rows.as_level(value)
  if level is None or level not in LEVELS:
    raise row.error(f"`level` is {value!r}", '1 to 5, or "Level 1" to 5')
  return level


def _gold(row: rows.Row) -> str:
  if "answer" in row.fields:
    return row.gold("answer")
  solution = row.text("solution")
  boxed = next(boxes.from_last(solution), "")
  if not boxed.strip():
    raise row.error(
      f"`solution` ends in {solution[-40:]!r}", r"an answer in `\boxed{...}`"
    )
  return rows.Row(row.path, row.where, {"solution": boxed}).gold("solution")
