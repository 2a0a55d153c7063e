"""How much of a text extraction reads, and that its time is linear."""

import json
import pathlib
import subprocess
import sys

from inference_scaling import tasks
from inference_scaling.tasks.extraction import (
  answers,
  statements,
  surroundings,
)


def test_an_answer_has_a_greatest_length():
  most = statements.MAX_CHARACTERS
  for form in (r"\boxed{{{}}}", "<answer>{}</answer>"):
    assert tasks.extract_answer(form.format("1" * most)) == "1" * most
    assert tasks.extract_answer(form.format("1" * (most + 1))) is None
  for form in ("The answer is:{}", "#### {}", "Answer:{}", "the answer is {}"):
    assert tasks.extract_answer(form.format("1" * (most - 1))) == "1" * (
      most - 1
    )
    assert tasks.extract_answer(form.format("1" * (most + 1))) is None
  assert tasks.extract_answer("The answer is: 5\n#### 6" + "1" * most) == "5"


def test_only_the_last_statements_are_cleaned(monkeypatch):
  cleaned = []
  strip_surroundings = surroundings.strip_surroundings

  def strip(content):
    cleaned.append(content)
    return strip_surroundings(content)

  monkeypatch.setattr(surroundings, "strip_surroundings", strip)
  text = "The answer is: 1\n" * 50 + "The answer is: $$\nThe answer is: ки\n"
  assert tasks.extract_answer(text) == "1"
  assert cleaned == ["$$", "1"]


def test_only_so_many_statements_of_a_kind_are_read():
  most = answers.MAX_STATEMENTS
  for content, nothing in (("#### 1\n", "#### x\n"), (r"\fbox{1}", r"\fbox{}")):
    assert tasks.extract_answer(content + nothing * (most - 1)) == "1"
    assert tasks.extract_answer(content + nothing * most) is None


# Beginning, what is repeated, middle, what is repeated as often, by the shape.
# At this length a quadratic scanner takes minutes, and a linear one 0.2 s.
_LENGTH = 200_000
# Of the processor's time, which a busy machine does not change; it needs ten.
_MAX_SECONDS = 70
_REPEATED = (
  "The answer is: ", "The answer is:\n", "(The answer is: ) ", "#", "#### ",
  "the answer is not ", "If the answer is 5", "The answer is:\n```\n", "$", " ",
  "**", "*\n", "\n", "\\", "ки ", "½√", "answer\n", "<answer>", "<answer ",
  "<answer></answer>", "</think>", r"\boxed{", r"\boxed ", r"\boxed{}",
  r"\boxed{$$}", r"\boxed{{{{{}}}}}", r"\boxed{\bf\bf\bf}", r"\boxed{\tag{1}}",
)  # fmt: skip
ADVERSARIES = [
  *(("", repeated, "", "") for repeated in _REPEATED),
  *(
    (r"\boxed{", repeated, "", "}") for repeated in ("1", "{", r"\color{red}{")
  ),
  *(("The answer is:", repeated, "42", "") for repeated in " \n$(1"),
  *(("the answer is 1", repeated, "x", "") for repeated in (",111", " ", ".")),
  *(("answer", repeated, end, "") for repeated in " *\n" for end in ("", ":x")),
  ("", r"\boxed{", "5", "}"),
  ("", r"\boxed{", "", "}"),
  ("", r"\\boxed{", "5", "}"),
  ("", "<answer>", "5", "</answer>"),
  ("The answer is: ", r"\begin{align}", "5", r"\end{align}"),
]


def test_no_text_takes_more_than_linear_time():
  # In a process that can be killed: a regular expression cannot be stopped.
  program = (
    "import json, resource, sys\n"
    "from inference_scaling.tasks.extraction import answers\n"
    "most, length, shapes = json.load(sys.stdin)\n"
    "resource.setrlimit(resource.RLIMIT_CPU, (most, most))\n"
    "for begin, left, middle, right in shapes:\n"
    "  times = length // len(left + right)\n"
    "  text = begin + left * times + middle + right * times\n"
    "  answers.extract_answer(text)\n"
    "print('done')\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", program],
    input=json.dumps([_MAX_SECONDS, _LENGTH, ADVERSARIES]),
    capture_output=True,
    text=True,
    cwd=pathlib.Path(__file__).parents[2],
  )
  assert done.stdout == "done\n", done.stderr
