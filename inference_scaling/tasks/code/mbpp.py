"""MBPP, mostly basic Python problems, whole or sanitized.

References:
  Austin et al., Program Synthesis with Large Language Models, 2021
    (arXiv:2108.07732), Section 2.1 and Figure 1: the prompt.
"""

from inference_scaling.tasks import problem as tasks_problem
from inference_scaling.tasks.code import problem, rows_of_code
from inference_scaling.tasks.files import rows


def load_mbpp(path: rows.Path, form: str) -> list[tasks_problem.Problem]:
  """Loads MBPP.

  Each row is an object with `task_id`, `text` (sanitized: `prompt`), a right
  program in `code`, `test_list`, and what comes before the tests in
  `test_setup_code` or `test_imports`. Challenge tests are not run, as in the
  paper of the benchmark.

  Args:
    path: a JSON-lines or parquet file.
    form: how problems are put, one of `names.CODE_FORMS`.

  Returns:
    The problems; see `rows_of_code.load`.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """

  def make(row: rows.Row, source: str) -> problem.CodeProblem:
    code = problem.join(rows_of_code.texts(row, "test_list"))
    tests = rows_of_code.make_tests(row, setup_of(row), code, reference="code")
    return problem.make_problem(
      rows_of_code.number(row), question_of(row, form), source, tests
    )

  return rows_of_code.load(path, make)


def setup_of(row: rows.Row) -> str:
  """Code before the tests of a row."""
  if row.fields.get("test_imports") is not None:
    return problem.join(rows_of_code.texts(row, "test_imports", least=0))
  return problem.join([str(row.fields.get("test_setup_code") or "")])


def question_of(row: rows.Row, form: str) -> str:
  """The question of a row, with tests that show names and types."""
  text = row.text("text" if "text" in row.fields else "prompt").strip()
  shown = rows_of_code.texts(row, "test_list")
  if form == rows_of_code.COMPLETION:
    return f'"""\n{text}\n{shown[0]}\n"""'
  listed = "\n".join(shown)
  return (
    f"You are an expert Python programmer, and here is your task: {text} "
    f"Your code should pass these tests:\n\n{listed}"
  )
