"""Problems of the user's own."""

import pathlib

from inference_scaling.tasks import problem, rows


def load_problems(path: rows.Path) -> list[problem.Problem]:
  """Loads problems of the user's own from a JSON-lines file.

  Each line is an object with `question` and `gold` (texts; a number will do
  for `gold`). `level` (an integer from 1) may be left out and is then 1; `id`
  (an integer from 0) may be left out on every line and is then the line's
  place among the problems. Other fields are ignored.

  Args:
    path: the file.

  Returns:
    The problems, in the order of the file; the source is the file's name
    without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  source = pathlib.Path(path).stem
  problems = []
  numbers: dict[int, str] = {}
  for row in rows.read_rows(path):
    gold = row.gold("gold")
    number = row.integer("id", len(problems), minimum=0)
    if number in numbers:
      raise row.error(
        f"id {number} is that of {numbers[number]} too",
        "an id that occurs once, on every line or on none",
      )
    numbers[number] = row.place
    level = row.integer("level", 1, minimum=1)
    problems.append(
      problem.Problem(number, row.text("question"), gold, level, source)
    )
  return problems
