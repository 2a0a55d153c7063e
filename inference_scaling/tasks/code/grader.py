"""Says what programs do, and whether they are right.

The answer of a program, which votes count, is what it does: a digest of what it
returns for the inputs of its tests and for others like them. Two programs have
one answer if they return equal values for all of them. What the tests expect is
no part of it. Where values cannot be compared, as objects of the program's own
classes cannot, programs are one if they are written alike. A program that
returns nothing at all (it raises, or does not end) abstains, as a solution
without a program does.
"""

import ast
import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence

from inference_scaling.tasks import problem as tasks_problem
from inference_scaling.tasks.code import extraction, inputs
from inference_scaling.tasks.code import problem as problem_lib
from inference_scaling.tasks.programs import (
  jobs,
  probe,
  sandbox,
)
from inference_scaling.tasks.programs.inside import checker

_DIGITS = 16


class CodeGrader:
  """Reads solutions that are programs; each program runs once a problem.

  Attributes:
    sandbox: where programs run.
  """

  def __init__(self, box: sandbox.Sandbox):
    """Takes a sandbox that holds, as `probe.choose` makes it."""
    self.sandbox = box
    self._calls: dict[str, list[jobs.Call]] = {}
    self._verdicts: dict[tuple[str, str], jobs.Verdict] = {}
    self._right: dict[tuple[str, str], bool] = {}

  def answers(
    self, problem: problem_lib.CodeProblem, texts: Sequence[str]
  ) -> list[str | None]:
    """Runs the programs of some solutions, several at once.

    Args:
      problem: the problem.
      texts: solutions of it.

    Returns:
      What each program does; None for one that abstains.

    Raises:
      jobs.SandboxError: if no box starts, or tests cannot be run.
    """
    programs = [
      extraction.extract_program(text, problem.head, problem.tests.names)
      for text in texts
    ]
    self._run(problem, [program for program in programs if program])
    said = []
    for program in programs:
      verdict = self._verdicts.get((problem.gold, program or ""))
      answer = _answer(program, verdict)
      if answer is not None and verdict is not None:
        self._right.setdefault((problem.gold, answer), verdict.passed)
      said.append(answer)
    return said

  def is_right(
    self, problem: problem_lib.CodeProblem, answer: str | None
  ) -> bool:
    """Says whether programs of one answer pass the tests.

    The first of them has run them for all. Inputs of the tests are among those
    that make an answer, so that another could have done otherwise only where it
    draws at random, or is near a limit of time.

    Args:
      problem: the problem.
      answer: of `answers`.

    Returns:
      True if they do; False for no answer.
    """
    return answer is not None and self._right[problem.gold, answer]

  def calls(self, problem: problem_lib.CodeProblem) -> list[jobs.Call]:
    """The inputs by which programs of a problem are told apart."""
    if problem.gold not in self._calls:
      self._calls[problem.gold] = inputs.more_calls(
        self.sandbox.record_calls(problem.tests), problem.gold
      )
    return self._calls[problem.gold]

  def _run(
    self, problem: problem_lib.CodeProblem, programs: Sequence[str]
  ) -> None:
    """Runs those programs that have not run yet."""
    left = [
      program
      for program in dict.fromkeys(programs)
      if (problem.gold, program) not in self._verdicts
    ]
    if not left:
      return
    verdicts = self.sandbox.examine_all(
      left, problem.tests, self.calls(problem)
    )
    for program, verdict in zip(left, verdicts, strict=True):
      self._verdicts[problem.gold, program] = verdict


def make_grader(
  problems: Iterable[tasks_problem.Problem], say: Callable[[str], None]
) -> CodeGrader | None:
  """Makes a grader where some problem needs one.

  Args:
    problems: of a sweep.
    say: takes a line about the sandbox.

  Returns:
    The grader; None where no solution is a program.

  Raises:
    jobs.SandboxError: if no sandbox holds on this machine.
  """
  if not any(isinstance(x, problem_lib.CodeProblem) for x in problems):
    return None
  box = probe.choose()
  say(f"Programs of the policies run in a sandbox, {box.kind}: {box.limits}.")
  return CodeGrader(box)


def reader(
  grader: CodeGrader | None, problem: tasks_problem.Problem
) -> Callable[[Sequence[str]], list[str | None]] | None:
  """What reads the answers of a problem's solutions.

  Args:
    grader: of the sweep; None where no solution is a program.
    problem: the problem.

  Returns:
    Makes answers of texts; None where a solution states its answer.
  """
  if grader is None or not isinstance(problem, problem_lib.CodeProblem):
    return None
  return functools.partial(grader.answers, problem)


def _answer(program: str | None, verdict: jobs.Verdict | None) -> str | None:
  """The answer of a program; None for one that abstains."""
  if program is None or verdict is None:
    return None
  # Without calls nothing can be compared, too.
  if not verdict.seen or checker.OBJECT in verdict.seen:
    return f"program:{_digest(_syntax(program))}"
  if not any(verdict.seen):
    return None
  return f"behaviour:{_digest(' '.join(verdict.seen))}"


def _syntax(program: str) -> str:
  """A text that programs share which are written alike."""
  tree = extraction.parse(program)
  try:
    return ast.dump(tree) if tree else program
  except RecursionError:
    return program


def _digest(text: str) -> str:
  return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
