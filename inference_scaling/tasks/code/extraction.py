r"""Finds the program in the text of a solution.

Of several blocks of code (between lines of three ` or ~) the last one that
defines what the tests call is meant: models write examples of use behind it,
and mend what they wrote before. A text without blocks is the program itself, or
goes on from the head that the problem gave: it then ends before the first line
that is not indented. What a model thinks before is passed over.
"""

import ast
import re
import warnings
from collections.abc import Collection

from inference_scaling.tasks.extraction import statements

MAX_CHARACTERS = 100_000  # of a program
_BLOCK = re.compile(
  r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<code>.*?)"
  r"(?:^[ \t]*(?P=fence)[ \t]*$|\Z)",
  re.M | re.S,
)
_THOUGHT = re.compile(statements.THOUGHT_END, re.I)
_BEGIN = re.compile(r"^(?:def|class|import|from|async def|@)\b", re.M)
_TOP = re.compile(r"^(?![ \t\r\n)\]}]|#)", re.M)
_FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import\b[^\n(;]*$", re.M)
_MAX_CUT = 200  # lines that are taken from an end


def extract_program(text: str, head: str, names: Collection[str]) -> str | None:
  """Returns the program that a solution states.

  Args:
    text: the solution, as generated.
    head: code that it may go on from; "" for none.
    names: that the tests call.

  Returns:
    Its source, which is Python, after the head where there is one; None where
    the text holds no program with these names.
  """
  for thought in reversed(list(_THOUGHT.finditer(text))[-1:]):
    text = text[thought.end() :]
  blocks = [match["code"] for match in _BLOCK.finditer(text)]
  for code in reversed(blocks):
    if _defines(code, names):
      return _joined(head, code)
  if not blocks and (begin := _BEGIN.search(text)):
    code = _parsed_start(text[begin.start() :])
    if _defines(code, names):
      return _joined(head, code)
  return _completed(head, blocks[-1] if blocks else text) if head else None


def _completed(head: str, text: str) -> str | None:
  """The head, and the body that a text begins with."""
  lines = text.lstrip("\r\n")
  end = _TOP.search(lines)
  body = lines[: end.start()] if end else lines
  code = _parsed_start(f"{head.rstrip()}\n{body}")
  # Without a body the head is a function that does nothing.
  return code if body.strip() and len(code) > len(head) else None


def _joined(head: str, code: str) -> str:
  """A program behind its head: imports, and functions that it may call."""
  if not head:
    return code
  tree = parse(code)
  # Python takes these at the beginning only.
  future = [
    f"{ast.unparse(node)}\n"
    for node in (tree.body if tree else ())
    if isinstance(node, ast.ImportFrom) and node.module == "__future__"
  ]
  code = _FUTURE.sub("", code) if future else code
  return f"{''.join(future)}{head.rstrip()}\n\n\n{code}"


def _defines(code: str, names: Collection[str]) -> bool:
  tree = parse(code)
  if tree is None:
    return False
  defined = {
    node.name
    for node in tree.body
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
  } | {
    target.id
    for node in tree.body
    if isinstance(node, ast.Assign)
    for target in node.targets
    if isinstance(target, ast.Name)
  }
  return defined.issuperset(names)


def _parsed_start(code: str) -> str:
  """The longest start of some lines that is Python; "" for none."""
  lines = code.splitlines(keepends=True)
  for cut in range(min(len(lines), _MAX_CUT)):
    start = "".join(lines[: len(lines) - cut])
    if parse(start) is not None:
      return start
  return ""


def parse(code: str) -> ast.Module | None:
  """Reads a program.

  Args:
    code: perhaps its source.

  Returns:
    Its syntax; None for what is no Python, or too long.
  """
  if len(code) > MAX_CHARACTERS:
    return None
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a program's own style
    try:
      return ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
      return None
