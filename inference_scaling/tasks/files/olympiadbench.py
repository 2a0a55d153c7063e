"""OlympiadBench: open questions of olympiads, some with several answers.

A row whose `is_multiple_answer` is true wants all answers, in any order; one
with a `unit` wants the answer in it. The question says both, in words of this
package. `error` is the largest difference that is published as right, of one
answer or of each.

References:
  He et al., OlympiadBench: A Challenging Benchmark for Promoting AGI with
    Olympiad-Level Bilingual Multimodal Scientific Problems, 2024
    (arXiv:2402.14008), and the authors' scoring of answers.
"""

import math
import pathlib

from inference_scaling.tasks import problem
from inference_scaling.tasks.files import rows

_SEVERAL = "The problem has several answers: give all of them, with commas."


def load_olympiadbench(path: rows.Path) -> list[problem.Problem]:
  """Loads a subset of open questions without pictures.

  Each row has `question`, `final_answer` (a list of one text, which holds all
  answers), `is_multiple_answer`, `unit` and `error`, both null where there is
  none; `context`, where it has one, stands before the question.

  Args:
    path: a parquet file or JSON lines, for instance of OE_TO_maths_en_COMP.

  Returns:
    The problems, in the order of the file and numbered from 0; levels are 1
    and the source is the file's name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  source = pathlib.Path(path).stem
  return [
    problem.Problem(
      number, _question(row), _gold(row), 1, source, tolerances=_tolerances(row)
    )
    for number, row in enumerate(rows.read_rows(path))
  ]


def _question(row: rows.Row) -> str:
  """The question, and what its answer must be like."""
  texts = [_optional(row, "context"), row.text("question").strip()]
  several = row.value("is_multiple_answer")
  if not isinstance(several, bool):
    raise row.error(f"`is_multiple_answer` is {several!r}", "true or false")
  unit = _optional(row, "unit")
  requests = [_SEVERAL] if several else []
  if unit:
    requests.append(f"Give the answer in {unit}, without the unit.")
  return "\n\n".join(filter(None, [*texts, " ".join(requests)]))


def _optional(row: rows.Row, name: str) -> str:
  """A text that may be left out, null or empty."""
  value = row.fields.get(name)
  if value is None or value == "":
    return ""
  return row.text(name).strip()


def _gold(row: rows.Row) -> str:
  value = row.value("final_answer")
  if not isinstance(value, list) or len(value) != 1:
    raise row.error(
      f"`final_answer` is {value!r}", "a list of one text with all answers"
    )
  named = rows.Row(row.path, row.where, {"final_answer[0]": value[0]})
  return named.gold("final_answer[0]")


def _tolerances(row: rows.Row) -> tuple[float, ...]:
  """Reads `error`: "1e-1", or one for each answer, "0.1,,0.2"."""
  text = _optional(row, "error")
  if not text:
    return ()
  try:
    values = tuple(float(part) if part.strip() else 0.0
                   for part in text.split(","))  # fmt: skip
  except ValueError:
    values = (math.nan,)
  if not all(math.isfinite(value) and value >= 0 for value in values):
    raise row.error(
      f"`error` is {text!r}", "numbers from 0 on, joined by commas, or null"
    )
  return values
