"""Rows as evalplus publishes them: inputs, and a program that is right.

What is right for an input is what the right program returns for it. It is run
beside the tests, on their side of the box. An input for which it raises is
passed over: rows of MBPP+ write tuples and sets as lists, which some right
programs do not take.
"""

import json
import math

from inference_scaling.tasks.code import humaneval, problem, rows_of_code
from inference_scaling.tasks.files import rows
from inference_scaling.tasks.programs import jobs

_INPUTS = ("base_input", "plus_input")
# Numbers are compared as evalplus compares them: within `atol`, or 1e-6 where
# it is 0 and the right value has floats in it.
_TESTS = """
import copy
import json
import math

def _has_floats(value):
  if isinstance(value, (list, tuple)):
    return any(map(_has_floats, value))
  return isinstance(value, float)

def _is_near(value, right, atol):
  if isinstance(right, (list, tuple)):
    return (
      type(value) is type(right)
      and len(value) == len(right)
      and all(_is_near(*pair, atol) for pair in zip(value, right))
    )
  if isinstance(right, float) and isinstance(value, (int, float)):
    return math.isclose(value, right, rel_tol=1e-7, abs_tol=atol)
  return value == right

def _is_right(value, right, atol):
  if not atol and _has_floats(right):
    atol = 1e-6
  return value == right or bool(atol) and _is_near(value, right, atol)

_right = {{"__name__": "right"}}
exec(compile({reference!r}, "right.py", "exec"), _right)
for _arguments in json.loads({inputs!r}):
  try:
    _expected = _right[{entry!r}](*copy.deepcopy(_arguments))
  except Exception:
    continue
  _value = {entry}(*copy.deepcopy(_arguments))
  assert _is_right(_value, _expected, {atol!r}), "for " + repr(_arguments)[:80]
"""


def is_row(row: rows.Row) -> bool:
  """Tells whether a row is of this kind."""
  return _INPUTS[0] in row.fields and "canonical_solution" in row.fields


def make_problem(
  row: rows.Row, source: str, form: str, *, goes_on: bool
) -> problem.CodeProblem:
  """Makes a problem of a row.

  Args:
    row: with `task_id`, `prompt`, `entry_point`, `canonical_solution`,
      `base_input`, `plus_input` and `atol`.
    source: of the problem.
    form: how problems are put, one of `names.CODE_FORMS`.
    goes_on: whether programs go on from the prompt, as those of HumanEval do.

  Returns:
    The problem.

  Raises:
    ValueError: if the row is not as described.
  """
  head, entry = problem.join([row.text("prompt")]), row.text("entry_point")
  inputs = [item for name in _INPUTS for item in _inputs(row, name)]
  atol = row.fields.get("atol") or 0
  if not isinstance(atol, (int, float)) or not 0 <= atol < math.inf:
    raise row.error(f"`atol` is {atol!r}", "a number from 0 on")
  if not inputs:
    raise row.error("its tests have no inputs", f"some in `{_INPUTS[0]}`")
  setup = head if goes_on else ""
  code = _TESTS.format(
    reference=problem.join([head, row.text("canonical_solution")]),
    inputs=json.dumps(inputs), entry=entry, atol=atol,
  )  # fmt: skip
  rows_of_code.check_code(row, setup, code)
  question = humaneval.question_of(head, form) if goes_on else head.strip()
  return problem.make_problem(
    rows_of_code.number(row), question, source,
    jobs.Tests(setup, code, (entry,)), name=row.text("task_id"), head=setup,
  )  # fmt: skip


def _inputs(row: rows.Row, name: str) -> list[list]:
  value = row.value(name)
  if not isinstance(value, list) or not all(
    isinstance(item, list) for item in value
  ):
    raise row.error(f"`{name}` is {value!r}"[:100], "a list of lists")
  return value
