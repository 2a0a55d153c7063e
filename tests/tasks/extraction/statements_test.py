import pytest

from inference_scaling.tasks.extraction import statements

WORDS = "It is:"


def _read(text, ends=statements.TO_END_OF_LINE):
  begin = text.index(WORDS)
  return statements.read(text, begin, begin + len(WORDS), len(text), ends)


@pytest.mark.parametrize(
  ("text", "content"),
  [
    ("It is: 42\nand 5", "42"),
    ("It is: 42. And 5", "42. And 5"),
    ("It is: 42 ки 5", "42 "),
    ("It is: 42</answer>", "42"),
    ("It is: скидки", "скидки"),
    ("It is: {1\n2} 3\n4", "{1\n2} 3"),
    ("It is: {1\n2", "{1"),
    ("It is: \\{1\n2\\}", "\\{1"),
    ("It is: {1\\\\}\n2}", "{1\\\\}"),
    ("It is: \\[\n1\n\\]\n2", "\\[\n1\n\\]"),
    ("It is: $$\n1\n$$\n2", "$$\n1\n$$"),
    ("It is: $1\n2$", "$1"),
    ("It is: \\begin{a}\n1\n\\end{a}\n2", "\\begin{a}\n1\n\\end{a}"),
    ("It is: ```\n1\n```\n2", "```\n1\n```"),
    ("(It is: 42) and", "42"),
    ("(It is: (1, 2)) and", "(1, 2)"),
    ("(It is: [0, 1)) and", "[0, 1)"),
    ("(It is: ]0, 1[) and", "]0, 1["),
    ("[It is: ]0, 1]] and", "]0, 1]"),
    ("(It is: [0, 1[) and", "[0, 1["),
    ("[It is: [0, 1[] and", "[0, 1["),
    ("[It is: [f(0), f(1)[] and", "[f(0), f(1)["),
    (r"[It is: ]0, 1] \cup ]2, 3[] and", r"]0, 1] \cup ]2, 3["),
    (r"[It is: x \in ]0, 1[] and", r"x \in ]0, 1["),
    (r"[It is: \left]0, 1\right[] and", r"\left]0, 1\right["),
    (r"(It is: \bigl[0, 1\bigr[) and", r"\bigl[0, 1\bigr["),
    ("(It is: [[1, 2], [3, 4]]) and", "[[1, 2], [3, 4]]"),
    ("[It is: [1, 2], [3, 4]] and", "[1, 2], [3, 4]"),
    ("It is: 42<|im_end|>", "42"),
    ("It is: 42[/THINK] 5", "42"),
    ("(So) it. It is: 42) and", "42) and"),
    ("**It is: 42** and", "42"),
    ("**It is:** 42**", "42**"),
    ('"It is: 42" and', "42"),
    ('"It is:" 42 "', '42 "'),
    ("'It is: 42' and", "42"),
    ("That's it. It is: f'(x)", "f'(x)"),
    (r"\text{It is: } 42}", "42}"),
    (r"\boxed{It is: \frac{1}{2}} and", r"\frac{1}{2}"),
  ],
)  # fmt: skip
def test_reads_to_the_end_of_a_statement(text, content):
  assert _read(text) == statements.Statement(content, False, False)


@pytest.mark.parametrize(
  ("text", "ends", "content"),
  [
    ("It is: 4.2. And 5", "TO_NEXT_SENTENCE", "4.2"),
    ("It is: 42.** And 5", "TO_NEXT_SENTENCE", "42"),
    ("It is: 42. and 5", "TO_NEXT_SENTENCE", "42. and 5"),
    ("It is: 5!\nAnd 5", "TO_NEXT_SENTENCE", "5!"),
    ("It is: 4.2. and 5", "TO_END_OF_SENTENCE", "4.2"),
    ("It is: 42.", "TO_END_OF_SENTENCE", "42"),
    ("It is: \\text{5. B} 6. 7", "TO_END_OF_SENTENCE", "\\text{5. B} 6"),
  ],
)
def test_ends_with_a_sentence_where_that_is_asked_for(text, ends, content):
  assert _read(text, getattr(statements, ends)).text == content


@pytest.mark.parametrize(
  ("text", "content", "last"),
  [
    ("It is:\n42", "42", True),
    ("It is: \r\n\r\n42 ки\n", "42 ", True),
    ("**It is:**\n\n42\nand 5", "42", False),
    ("It is:\n> 42", "42", True),
    ("It is:\n- 42\n- 43", "42", False),
    ("It is:\n-42", "-42", True),
    ("It is:\n\\[\n42\n\\]\nand 5", "\\[\n42\n\\]", False),
    ("It is:\n1. First\nand 5", "1. First", False),
  ],
)
def test_reads_the_next_line_where_nothing_stands_on_the_first(
  text, content, last
):
  assert _read(text) == statements.Statement(content, True, last)


@pytest.mark.parametrize(
  "text",
  ["It is:", "It is: \n\n", "It is: ки\n42", "(It is: )\n42", "It is: **\n"],
)
def test_reads_nothing_where_nothing_is_said(text):
  assert _read(text) is None


def test_reads_no_further_than_an_answer_may_go():
  most = statements.MAX_CHARACTERS
  assert _read("It is:" + "1" * most).text == "1" * most
  assert _read("It is:" + "1" * (most + 1)) is None
  assert _read("It is:" + "1" * (most - 1) + "\n2").text == "1" * (most - 1)
  assert _read("It is:" + "\n" * (most - 1) + "2").text == "2"
  assert _read("It is:" + "\n" * most + "2") is None
  # A mark that was opened long before is not looked for.
  assert _read("(" + "a" * most + "It is: 42)").text == "42)"
