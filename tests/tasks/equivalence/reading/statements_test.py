"""An answer is read to its last token or not at all."""

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling.tasks.equivalence import Node, UnreadableError, parse

READ = {
  "5": "number",
  "-x": "*",
  "2x+1": "+",
  r"\frac{1}{2}": "/",
  r"\sqrt[3]{2}": "sqrt",
  "f(x)": "call",
  "1, 2": "list",
  "(1, 2)": "bracket",
  r"\{1, 2\}": "bracket",
  "[1, 2)": "bracket",
  "x=5": "relation",
  r"(1, 2)\cup(3, 4)": "union",
  r"\begin{pmatrix}1&2\\3&4\end{pmatrix}": "matrix",
  "52_8": "base",
  "3:2": "ratio",
  "(x)": "symbol",
  "5%": "percent",
}


@pytest.mark.parametrize("text", READ)
def test_each_kind_is_read(text):
  assert parse(text).op == READ[text]


def test_the_last_digits_of_decimals_are_kept():
  assert parse("0.50").args == (0.5, 2)
  assert parse("5").args == (5, None)
  assert parse(r"0.\overline{3}").args == parse(r"0.\overline{33}").args


def test_a_fraction_behind_an_integer_is_added_and_behind_a_letter_not():
  assert parse(r"1\frac{1}{2}").args == (1.5, None)
  assert parse(r"x\frac{1}{2}").op == parse(r"2\frac{x}{2}").op == "*"


@pytest.mark.parametrize(
  "text",
  [
    "", "5 5", "x5", "5^2^3", "5!!", "x^2!", "--5", "+-5", "5+", "(5", "5)",
    "{5",
    "(1, 2", "(1, 2}", "(1, 2, 3]", "]1, 2[", "1,", ", 1", "5=", "=5", ">5",
    "5_x", "x_", r"\sqrt", r"\frac{1}", r"\frac{1}{2", r"\foo", r"\ldots",
    r"1, \ldots, n", "a/bc", "x/2y", r"\sin 2(x+1)", r"2\frac{5}{3}",
    r"1\frac{1}{2}^2", r"\frac{dy}{dx}", r"\int x", "x'", "|x", "||x||",
    "5 or",
    "no", "x is 5", "0th", "5...", r"\text{5 or}", "(1, 2)+1", "2(1, 2)",
    r"\{1\}+1", r"(1, 2)\cup(3, 4)\cap(5, 6)", r"\begin{pmatrix}1&2\\3",
    r"\begin{pmatrix}1&2\\3\end{pmatrix}", r"\begin{vmatrix}1\end{vmatrix}",
    "52_4", "52_1", "52_{99}", "2_", "√", "#5", "5 $", r"\mathbb{Z}",
  ],
)  # fmt: skip
def test_what_is_not_covered_is_not_read(text):
  with pytest.raises(UnreadableError):
    parse(text)


_PIECES = (
  "1", "x", "+", "-", "(", ")", "[", "]", "{", "}", ",", "=", "<", "^", "_",
  "|",
  "!", "%", ":", "'", "&", r"\\", r"\{", r"\}", r"\frac", r"\sqrt", r"\pm",
  "i",
  r"\cup", r"\sin", r"\begin{pmatrix}", r"\end{pmatrix}", "no", "sin", "f(",
  "U",
  r"\infty", r"\mathbb{R}", r"\circ", "0.5", r".\overline{3}", " and ",
  "million",
)  # fmt: skip


@hypothesis.settings(deadline=None, max_examples=500)
@hypothesis.given(st.lists(st.sampled_from(_PIECES), max_size=10).map("".join))
def test_any_text_is_read_or_refused(text):
  try:
    assert isinstance(parse(text), Node)
  except UnreadableError:
    pass
