"""Programs are found in what models write."""

import pytest

from inference_scaling.tasks.code import extraction

HEAD = 'import math\n\ndef area(r):\n    """Area of a circle."""\n'
BODY = "    return math.pi * r * r\n"
PROGRAM = "def f(x):\n  return x + 1\n"


def _extract(text, head="", names=("f",)):
  return extraction.extract_program(text, head, names)


@pytest.mark.parametrize(
  "text",
  [
    f"```python\n{PROGRAM}```",
    f"Sure!\n\n```py\n{PROGRAM}```\nIt adds one.",
    f"```\n{PROGRAM}```\nUse it:\n```python\nprint(f(1))\n```",
    f"```python\ndef f(x): return 0\n```\nNo, rather:\n```python\n{PROGRAM}```",
    f"~~~~python\n{PROGRAM}~~~~\n",
    f"```python\n{PROGRAM}",  # cut off behind the program
    f"<think>```python\ndef f(x): pass\n```</think>```python\n{PROGRAM}```",
    PROGRAM,
    f"Here it is:\n{PROGRAM}\nThis function adds one to x.",
    f"1. Add.\n   ```python\n{PROGRAM}   ```",
  ],
)
def test_the_program_is_found(text):
  assert _extract(text).strip() == PROGRAM.strip()


@pytest.mark.parametrize(
  "text",
  [
    "", "I do not know.", "```python\ndef g(x): return 1\n```",
    "```python\ndef f(x:\n```", "def f(x", "```python\nprint(f(1))\n```",
    "\0", "def f(x):\n  return " + "(" * 5000, "def f(x): return 1\n" * 9000,
  ],
)  # fmt: skip
def test_what_is_no_program_is_none(text):
  assert _extract(text) is None


def test_all_names_of_the_tests_are_needed():
  text = f"```python\n{PROGRAM}```"
  assert _extract(text, names=("f", "Node")) is None
  both = f"```python\nNode = dict\n{PROGRAM}```"
  assert _extract(both, names=("f", "Node")) == f"Node = dict\n{PROGRAM}"


@pytest.mark.parametrize(
  "text",
  [
    BODY,
    BODY + "\ndef other():\n    return 1\n",
    BODY + "\nprint(area(2))\n# Done.\n",
    BODY + '\nif __name__ == "__main__":\n    area(',
    "```python\n" + BODY + "```",
    BODY + "    return (",  # cut off
  ],
)
def test_a_completion_ends_with_the_function(text):
  program = _extract(text, HEAD, ("area",))
  assert program.rstrip() == (HEAD + BODY).rstrip()


def test_a_whole_function_comes_behind_its_head():
  """So that it may use what the head imports and defines."""
  whole = "def area(r):\n    return math.pi * r ** 2\n"
  program = _extract(f"```python\n{whole}```", HEAD, ("area",))
  assert program.startswith(HEAD.rstrip()) and program.endswith(whole)


def test_imports_of_the_future_come_before_the_head():
  future = "from __future__ import annotations\n"
  whole = f"{future}def area(r: R):\n    return math.pi * r ** 2\n"
  program = _extract(f"```python\n{whole}```", HEAD, ("area",))
  assert program.startswith(future + HEAD.rstrip())
  names: dict = {}
  exec(compile(program, "program.py", "exec"), names)
  assert names["area"](0) == 0


@pytest.mark.parametrize(
  "text", ["", "\n\n", "I cannot.", "    (", "def g(): 1"]
)
def test_a_head_without_a_body_is_no_program(text):
  assert _extract(text, HEAD, ("area",)) is None
