"""Minerva's problems of MIT courses in science: numbers and formulas.

The unit of an answer stands in its question, if anywhere, and the gold answer
has none: listed units of an answer are dropped as those of any other, also
behind powers of ten. No tolerance is published: a number is right where it is
the same, as `equivalence` says.

References:
  Lewkowycz et al., Solving Quantitative Reasoning Problems With Language
    Models, 2022 (arXiv:2206.14858): OCWCourses, 272 problems.
"""

import pathlib

from inference_scaling.tasks import problem
from inference_scaling.tasks.files import rows


def load_minerva(path: rows.Path) -> list[problem.Problem]:
  """Loads the problems from JSON lines or a parquet file.

  Each row has `question`, or `problem` where there is none, and `answer`; other
  fields, such as `solution` and `type`, are left.

  Args:
    path: the file.

  Returns:
    The problems, in the order of the file and numbered from 0; levels are 1
    and the source is the file's name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  source = pathlib.Path(path).stem
  problems = []
  for row in rows.read_rows(path):
    name = "question" if "question" in row.fields else "problem"
    problems.append(
      problem.Problem(
        len(problems), row.text(name), row.gold("answer"), 1, source
      )
    )
  return problems
