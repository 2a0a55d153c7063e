"""GSM8K, grade-school word problems with worked solutions.

References:
  Cobbe et al., Training Verifiers to Solve Math Word Problems, 2021
  (arXiv:2110.14168), Section 2.
"""

import pathlib
import re

from inference_scaling.tasks import problem
from inference_scaling.tasks.files import rows

_GOLD = re.compile(r"####\s*(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*$")


def load_gsm8k(path: rows.Path) -> list[problem.Problem]:
  """Loads GSM8K from its JSON-lines or parquet file.

  Each row is an object with `question` and `answer`, a worked solution that
  ends in `#### 42`. The level of a problem is the number of calculator marks
  `<<...>>` in its solution, at least 1: each marks one arithmetic step.

  Args:
    path: the file, for instance `gsm8k_test.jsonl`.

  Returns:
    The problems, in the order of the file and numbered from 0; thousands
    separators are removed from the gold answers and the source is the file's
    name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  source = pathlib.Path(path).stem
  problems = []
  for row in rows.read_rows(path):
    question, solution = row.text("question"), row.text("answer")
    match = _GOLD.search(solution)
    if match is None:
      raise row.error(
        f"`answer` ends in {solution[-40:]!r}", "a last line `#### NUMBER`"
      )
    gold = match[1].replace(",", "")
    level = max(1, solution.count("<<"))
    problems.append(
      problem.Problem(len(problems), question, gold, level, source)
    )
  return problems
