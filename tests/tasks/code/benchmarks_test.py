"""Benchmarks of programs are read by their published field names."""

import json

import pytest

from inference_scaling import names
from inference_scaling.tasks.code import benchmarks, grader
from inference_scaling.tasks.files import benchmarks as files
from inference_scaling.tasks.programs import jobs, probe

MBPP = {
  "task_id": 12, "text": "Write a function to add one.",
  "code": "import math\r\ndef add(x):\r\n\treturn x + 1",
  "test_list": ["assert add(1) == 2", "assert add(math.floor(2.5)) == 3"],
  "test_setup_code": "import math", "challenge_test_list": ["assert 0"],
}  # fmt: skip
SANITIZED = {
  "source_file": "x.ipynb", "task_id": 12, "prompt": MBPP["text"],
  "code": MBPP["code"], "test_imports": ["import math"],
  "test_list": MBPP["test_list"],
}  # fmt: skip
MBPP_PLUS = SANITIZED | {
  "test": "import math\nresults = [2, 3]\n"
  "for i, inp in enumerate([[1], [2]]):\n  assert add(*inp) == results[i]\n"
}
HEAD = 'def half(n):\n  return n / 2\n\ndef add(x):\n  """Adds one."""\n'
HUMANEVAL = {
  "task_id": "HumanEval/12", "prompt": HEAD, "entry_point": "add",
  "canonical_solution": "  return x + 1\n",
  "test": "def check(candidate):\n  assert candidate(1) == 2\n"
  "  assert candidate(half(4)) == 3\n",
}  # fmt: skip
EVALPLUS = {
  "task_id": "HumanEval/12", "prompt": HEAD, "entry_point": "add",
  "canonical_solution": "\n  return x + 1\n", "contract": "",
  "base_input": [[1]], "plus_input": [[2.5], ["no number"]], "atol": 0,
}  # fmt: skip
EVALPLUS_MBPP = EVALPLUS | {
  "task_id": "Mbpp/12",
  "prompt": '"""\nWrite a function to add one.\nassert add(1) == 2\n"""\n',
  "canonical_solution": "\ndef add(x):\n  return x + 1\n",
}
ROWS = {
  "mbpp": MBPP, "mbpp_sanitized": SANITIZED, "mbpp_plus": MBPP_PLUS,
  "humaneval": HUMANEVAL, "humaneval_plus": HUMANEVAL,
}  # fmt: skip
KINDS = [
  *ROWS.items(),
  ("humaneval_plus", EVALPLUS),
  ("mbpp_plus", EVALPLUS_MBPP),
]
RIGHT = "```python\ndef add(x):\n  return 1 + x\n```"
WRONG = "```python\ndef add(x):\n  return 2\n```"
CHAT, COMPLETION = names.CODE_FORMS


def _load(tmp_path, name, *rows, form=CHAT):
  path = tmp_path / "rows.jsonl"
  path.write_text("\n".join(map(json.dumps, rows)))
  return benchmarks.load_code_benchmark(name, path, form)


@pytest.fixture(name="code", scope="module")
def _code():
  try:
    return grader.CodeGrader(probe.choose())
  except jobs.SandboxError as error:
    pytest.skip(str(error))


@pytest.mark.parametrize(("name", "row"), KINDS)
def test_tests_of_a_row_pass_right_programs_only(name, row, tmp_path, code):
  (problem,) = _load(tmp_path, name, row)
  assert (problem.id, problem.source) == (12, "rows")
  assert problem.tests.names == ("add",)
  right, wrong = code.answers(problem, [RIGHT, WRONG])
  assert right != wrong
  assert code.is_right(problem, right) and not code.is_right(problem, wrong)
  assert not code.is_right(problem, None)


@pytest.mark.parametrize(("name", "row"), KINDS)
def test_questions_are_put_in_two_forms(name, row, tmp_path):
  (chat,), (completion,) = (
    _load(tmp_path, name, row, form=form) for form in names.CODE_FORMS
  )
  assert chat.tests == completion.tests and chat.gold == completion.gold
  if "entry_point" in row and name.startswith("humaneval"):
    assert completion.question == chat.head == HEAD
    assert f"```python\n{HEAD.strip()}\n```" in chat.question
  else:
    assert completion.question.startswith('"""\nWrite a function to add one.')
    assert "assert add(1) == 2" in chat.question
    assert not chat.head


def test_a_row_without_a_reference_calls_what_nobody_else_defines(tmp_path):
  row = {**MBPP, "code": ""}
  (problem,) = _load(tmp_path, "mbpp", row)
  assert problem.tests.names == ("add",)


def test_what_tests_use_of_the_reference_is_imported(tmp_path, code):
  row = MBPP | {"test_setup_code": ""}  # and still they use `math`
  (problem,) = _load(tmp_path, "mbpp", row)
  assert problem.tests.setup == "import math"
  assert problem.tests.names == ("add",)
  (answer,) = code.answers(problem, [RIGHT])
  assert code.is_right(problem, answer)


def test_programs_that_return_objects_are_right_or_wrong(tmp_path, code):
  node = "class Node:\n  def __init__(self, x): self.x, self.next = x, None\n"
  last = "def last(node): return node.next.x if node.next else node.x\n"
  row = MBPP | {
    "code": node + last, "test_list": ["assert last(root) == 2"],
    "test_setup_code": "root = Node(1)\r\nroot.next = Node(2)",
  }  # fmt: skip
  (problem,) = _load(tmp_path, "mbpp", row)
  assert problem.tests.names == ("Node", "last")
  programs = (node + last, node + "\n" + last, node + "def last(x): return x.x")
  right, again, wrong = code.answers(
    problem, [f"```python\n{program}\n```" for program in programs]
  )
  assert right == again != wrong and wrong is not None
  assert code.is_right(problem, right) and not code.is_right(problem, wrong)


def test_names_of_python_are_no_names_of_a_program(tmp_path, code):
  row = MBPP | {"test_list": ["assert sorted(add(1)) == [1, 2]"]}
  row["code"] = "def add(x): return [x + 1, x]"
  (problem,) = _load(tmp_path, "mbpp", row)
  assert problem.tests.names == ("add",)
  cheat = "```python\ndef sorted(x): return [1, 2]\ndef add(x): return 5\n```"
  (answer,) = code.answers(problem, [cheat])
  assert not code.is_right(problem, answer)


@pytest.mark.parametrize(
  ("name", "row", "words"),
  [
    ("mbpp", {"task_id": "x"}, "`task_id` is 'x'"),
    ("mbpp", {"task_id": -1}, "`task_id` is -1"),
    ("mbpp", {"test_list": []}, "`test_list` is empty"),
    ("mbpp", {"test_list": "assert add(1)"}, "`test_list` is 'assert"),
    ("mbpp", {"test_list": ["assert add("]}, "cannot be read.*Python"),
    ("mbpp", {"test_list": ["assert 1 == 1"]}, "tests call nothing"),
    ("mbpp", {"code": "def add("}, "cannot be read"),
    ("humaneval", {"entry_point": ""}, "`entry_point` is ''"),
    ("humaneval", {"prompt": "def add(x:"}, "cannot be read"),
    ("humaneval_plus", {"base_input": [1]}, "`base_input` is"),
    ("humaneval_plus", {"base_input": [], "atol": "x"}, "`atol` is 'x'"),
    ("humaneval_plus", {"atol": float("inf")}, "`atol` is inf"),
    ("humaneval_plus", {"base_input": [], "plus_input": []}, "no inputs"),
  ],
)
def test_a_wrong_row_is_named(name, row, words, tmp_path):
  base = EVALPLUS if name == "humaneval_plus" else ROWS[name]
  with pytest.raises(ValueError, match=f"(?s)rows.jsonl, line 1: .*{words}"):
    _load(tmp_path, name, base | row)


def test_a_number_that_stands_twice_is_refused(tmp_path):
  with pytest.raises(ValueError, match="line 2: `task_id` 12 stands in a row"):
    _load(tmp_path, "mbpp", MBPP, MBPP)


def test_every_kind_is_known(monkeypatch):
  assert tuple(benchmarks.CODE_BENCHMARKS) == names.CODE_BENCHMARKS
  monkeypatch.setattr(
    files.huggingface_hub, "hf_hub_download",
    lambda repo, file, repo_type: (_ for _ in ()).throw(OSError(repo, file)),
  )  # fmt: skip
  for name, row in benchmarks.CODE_BENCHMARKS.items():
    with pytest.raises(FileNotFoundError, match=f"{row.file}.*{row.repo}"):
      benchmarks.load_code_benchmark(name, "hub", CHAT)
