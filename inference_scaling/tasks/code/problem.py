"""A problem that programs solve, and what of its tests is known."""

import ast
import builtins
import dataclasses
import hashlib
import symtable
from collections.abc import Iterable

from inference_scaling.tasks import problem as problem_lib
from inference_scaling.tasks.programs import jobs


@dataclasses.dataclass(frozen=True)
class CodeProblem(problem_lib.Problem):
  """One problem whose solutions are programs.

  Its `gold`, which records keep, is a digest of the tests: with other tests it
  is another problem.

  Attributes:
    tests: that a right program passes.
    head: code that programs go on from, such as the imports and the head of a
      function with its docstring; "" for none.
  """

  tests: jobs.Tests = dataclasses.field(kw_only=True)
  head: str = dataclasses.field(default="", kw_only=True)


def make_problem(
  number: int,
  question: str,
  source: str,
  tests: jobs.Tests,
  *,
  name: str = "",
  head: str = "",
) -> CodeProblem:
  """Makes a problem; its level is 1, as benchmarks of programs have none.

  Args:
    number: its id.
    question: text that the model is asked.
    source: name of the benchmark.
    tests: of its programs.
    name: what the benchmark calls it, where that is a text.
    head: as `CodeProblem`.

  Returns:
    The problem.
  """
  said = "\0".join((tests.setup, tests.code, *tests.names))
  digest = hashlib.sha256(said.encode()).hexdigest()[:16]
  return CodeProblem(
    id=number, question=question, gold=f"tests:{digest}", level=1,
    source=source, name=name, tests=tests, head=head,
  )  # fmt: skip


def make_tests(setup: str, code: str, reference: str) -> jobs.Tests:
  """Makes tests, and finds out what they take from a program.

  They take the names that they use and the reference defines; where there is no
  reference, those that nobody else gives. No other name of a program reaches
  the tests: it could put its own `sorted` in place of Python's. What the
  reference imports and the tests use is imported before them.

  Args:
    setup: code before the tests.
    code: of the tests.
    reference: a right program; "" for none.

  Returns:
    The tests, with the names sorted.

  Raises:
    SyntaxError: if one of the codes is no Python.
  """
  whole = f"{setup}\n{code}"
  left = _used(whole) - _given(whole)
  imports = [
    ast.unparse(node)
    for node in ast.parse(reference).body
    if isinstance(node, ast.Import | ast.ImportFrom)
    and left & _given(ast.unparse(node))
  ]
  left -= _given("\n".join(imports))
  names = left & _given(reference) if reference else left - set(dir(builtins))
  return jobs.Tests(join([*imports, setup]), code, tuple(sorted(names)))


def _given(code: str) -> set[str]:
  """Names that the top level of some code gives a value."""
  table = symtable.symtable(code, "code.py", "exec")
  return {
    symbol.get_name()
    for symbol in table.get_symbols()
    if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
  }


def _used(code: str) -> set[str]:
  """Names that some code reads."""
  return {
    node.id
    for node in ast.walk(ast.parse(code))
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
  }


def join(parts: Iterable[str]) -> str:
  """Joins pieces of code, with line ends as Python's own."""
  return "\n".join(part.replace("\r\n", "\n") for part in parts if part)
