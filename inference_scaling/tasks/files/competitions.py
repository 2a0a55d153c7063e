"""Competition problems: MATH500, AIME and AMC.

References:
  Hendrycks et al., Measuring Mathematical Problem Solving With the MATH
    Dataset, 2021 (arXiv:2103.03874), Section 3.
  Lightman et al., Let's Verify Step by Step, 2023 (arXiv:2305.20050), Section
    2: the 500 test problems.
"""

import pathlib
import re

from inference_scaling.tasks import problem
from inference_scaling.tasks.files import hendrycks_math, rows

_AIME_ANSWER = re.compile(r"\d{1,3}")


def load_math500(path: rows.Path) -> list[problem.Problem]:
  """Loads MATH500.

  Each row is an object with `problem`, `answer` (LaTeX) and `level` (1 to 5 or
  "Level 1" to "Level 5", the problem's level). Other fields, such as
  `solution`, are ignored.

  Args:
    path: a JSON-lines or parquet file.

  Returns:
    The problems, in the order of the file and numbered from 0; the source is
    the file's name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  source = pathlib.Path(path).stem
  problems = []
  for row in rows.read_rows(path):
    question, gold = row.text("problem"), row.gold("answer")
    level = hendrycks_math.read_level(row)
    problems.append(
      problem.Problem(len(problems), question, gold, level, source)
    )
  return problems


def load_aime(path: rows.Path) -> list[problem.Problem]:
  """Loads problems of the AIME, whose answers are integers from 0 to 999.

  Each row is an object with `problem` and the answer in `answer` or, where
  there is none, in `extracted_groundtruth`: "025" is 25. The level is 1.

  Args:
    path: a JSON-lines or parquet file.

  Returns:
    The problems; see `load_math500`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  problems = []
  for row in rows.read_rows(path):
    question, gold = row.text("problem"), _answer(row)
    if not _AIME_ANSWER.fullmatch(gold):
      raise row.error(f"the answer is {gold!r}", "an integer from 0 to 999")
    problems.append(_unlevelled(path, len(problems), question, gold))
  return problems


def load_amc(path: rows.Path) -> list[problem.Problem]:
  """Loads problems of the AMC that have numbers for answers.

  Each row is an object with `problem` (or `question`) and the answer in
  `answer` or, where there is none, in `extracted_groundtruth`: 27.0 is 27. The
  level is 1.

  Args:
    path: a JSON-lines or parquet file.

  Returns:
    The problems; see `load_math500`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  problems = []
  for row in rows.read_rows(path):
    name = "question" if "question" in row.fields else "problem"
    problems.append(
      _unlevelled(path, len(problems), row.text(name), _answer(row))
    )
  return problems


def _answer(row: rows.Row) -> str:
  """The answer in whichever of its two fields there is."""
  extracted = "extracted_groundtruth"
  only = "answer" not in row.fields and extracted in row.fields
  return row.gold(extracted if only else "answer")


def _unlevelled(
  path: rows.Path, number: int, question: str, gold: str
) -> problem.Problem:
  """A problem of a set that does not grade its problems by difficulty."""
  return problem.Problem(number, question, gold, 1, pathlib.Path(path).stem)
