"""What rows of all benchmarks of programs have in common."""

import ast
import pathlib
import re
from collections.abc import Callable

from inference_scaling import names
from inference_scaling.tasks import problem as tasks_problem
from inference_scaling.tasks.code import problem
from inference_scaling.tasks.files import rows
from inference_scaling.tasks.programs import jobs

CHAT, COMPLETION = names.CODE_FORMS
_NUMBERED = re.compile(r"[A-Za-z]\w*/(\d+)")


def texts(row: rows.Row, name: str, least: int = 1) -> list[str]:
  """Returns a field that holds a list of texts.

  Args:
    row: the row.
    name: of the field.
    least: how many there must be.

  Returns:
    The texts.

  Raises:
    ValueError: if there are fewer, or something else.
  """
  value = row.value(name)
  if not isinstance(value, list) or not all(
    isinstance(item, str) for item in value
  ):
    raise row.error(f"`{name}` is {value!r}"[:100], "a list of texts")
  if len(value) < least:
    raise row.error(f"`{name}` is empty", "one text at least")
  return list(value)


def number(row: rows.Row) -> int:
  """Returns the number of a row: 11, or that in "HumanEval/11"."""
  value = row.value("task_id")
  match = _NUMBERED.fullmatch(value) if isinstance(value, str) else None
  result = rows.as_integer(match[1] if match else value)
  if result is None or not 0 <= result < 1 << 31:
    raise row.error(
      f"`task_id` is {value!r}", 'a number from 0, or one as in "HumanEval/11"'
    )
  return result


def load(
  path: rows.Path, make: Callable[[rows.Row, str], problem.CodeProblem]
) -> list[tasks_problem.Problem]:
  """Loads a benchmark.

  Args:
    path: a JSON-lines or parquet file.
    make: makes a problem of a row and the name of its source.

  Returns:
    The problems, in the order of the file and with its numbers; the source is
    the file's name without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows, a row is not as described, or a number
      stands twice.
  """
  problems: dict[int, tasks_problem.Problem] = {}
  for row in rows.read_rows(path):
    made = make(row, pathlib.Path(path).stem)
    if made.id in problems:
      raise row.error(
        f"`task_id` {made.id} stands in a row before, too", "it once"
      )
    problems[made.id] = made
  return list(problems.values())


def check_code(row: rows.Row, *codes: str) -> None:
  """Raises a ValueError if some code of a row is no Python."""
  for code in codes:
    try:
      ast.parse(code)
    except (SyntaxError, ValueError) as error:
      raise row.error(f"its tests cannot be read ({error})", "Python") from None


def make_tests(
  row: rows.Row, setup: str, code: str, *, reference: str
) -> jobs.Tests:
  """Makes the tests of a row, and finds out what they call.

  Args:
    row: the row.
    setup: code before them.
    code: of the tests.
    reference: name of the field with a right program, which may be missing.

  Returns:
    The tests.

  Raises:
    ValueError: if one of these is no Python, or the tests call nothing of it.
  """
  program = problem.join([str(row.fields.get(reference) or "")])
  check_code(row, setup, code, program)
  tests = problem.make_tests(setup, code, program)
  if not tests.names:
    raise row.error(
      "its tests call nothing",
      f"a name that they use and `{reference}` defines",
    )
  return tests
