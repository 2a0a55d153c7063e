"""HumanEval: functions to complete, of which head and docstring are given.

References:
  Chen et al., Evaluating Large Language Models Trained on Code, 2021
    (arXiv:2107.03374), Section 2.2.
"""

from inference_scaling.tasks import problem as tasks_problem
from inference_scaling.tasks.code import problem, rows_of_code
from inference_scaling.tasks.files import rows
from inference_scaling.tasks.programs import jobs


def load_humaneval(path: rows.Path, form: str) -> list[tasks_problem.Problem]:
  """Loads HumanEval.

  Each row is an object with `task_id` ("HumanEval/0"), `prompt` (code up to the
  end of the docstring), `entry_point` (the function) and `test`, which defines
  `check(candidate)`. HumanEval+ has the same fields on the hub.

  Args:
    path: a JSON-lines or parquet file.
    form: how problems are put, one of `names.CODE_FORMS`.

  Returns:
    The problems; see `rows_of_code.load`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  return rows_of_code.load(
    path, lambda row, source: make_problem(row, source, form)
  )


def make_problem(row: rows.Row, source: str, form: str) -> problem.CodeProblem:
  """Makes a problem of a row of HumanEval."""
  head, entry = problem.join([row.text("prompt")]), row.text("entry_point")
  code = problem.join([row.text("test"), f"check({entry})\n"])
  rows_of_code.check_code(row, head, code)
  # Tests may call other functions of the head, which are the benchmark's.
  return problem.make_problem(
    rows_of_code.number(row), question_of(head, form), source,
    jobs.Tests(head, code, (entry,)), name=row.text("task_id"), head=head,
  )  # fmt: skip


def question_of(head: str, form: str) -> str:
  """The question of a function to complete."""
  if form == rows_of_code.COMPLETION:
    return head
  return (
    "Complete the following Python function. Answer with the whole function "
    f"in one block of code.\n\n```python\n{head.strip()}\n```"
  )
