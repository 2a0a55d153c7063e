import pytest

from inference_scaling.tasks.grading import values


@pytest.mark.parametrize(
  ("content", "value"),
  [
    ("42", "42"),
    ("42 miles per hour", "42 miles per hour"),
    ("$42$ apples, as you see", "$42$"),
    ("$3$ million", "$3$ million"),
    ("**42** because 6 * 7 = 42", "42"),
    ("therefore about 3.14", "3.14"),
    ("x = 5", "x = 5"),
    ("(C)", "(C)"),
    ("C.", "C."),
    ("√2", "√2"),
    ("`42`", "`42`"),
    ('"not clear"', '"not clear"'),
    ("```\n42\n```", "42"),
    ("```text\nEast\n```", "East"),
    ("```\n\\[\n42\n\\]\n```", "\\[\n42\n\\]"),
    ("]0, 1[", "]0, 1["),
    ("5, so we add", "5, so we add"),
  ],
)
def test_tells_a_value(content, value):
  assert values.value(content) == value


@pytest.mark.parametrize(
  "content",
  [
    "not 42",
    "clear",
    "a prime number: 7",
    "Step 3: add 5",
    "**Step 3:** add 5",
    "**Note:** 5",
    "3. Add 5",
    "5 apples and 7 pears are what we add",
    "**not what we had expected of it**",
    "```\nx = 5\nprint(x)\n```",
    "",
  ],
)
def test_tells_prose(content):
  assert values.value(content) is None
  assert values.value(content, below=True) is None


@pytest.mark.parametrize(
  "content",
  [
    "5, so we add",
    "$5$ is prime",
    "**5 apples and 7 pears and then nuts**",
    "x = 5 gives the rest",
    "$x$ and some more words about the value",
  ],
)
def test_a_line_below_must_be_nothing_but_a_value(content):
  assert values.value(content) is not None
  assert values.value(content, below=True) is None


@pytest.mark.parametrize(
  ("content", "word"),
  [
    ("East", True), ("**East**.", False), ("x-axis.", True), ("*yes*", True),
    ("two words", False), ("Therefore", False), ("42", False), ("", False),
  ],
)  # fmt: skip
def test_tells_a_single_word(content, word):
  assert values.is_word(content) == word
