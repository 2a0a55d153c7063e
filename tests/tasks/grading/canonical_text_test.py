import fractions

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import tasks


@pytest.mark.parametrize(
  ("canonical", "spellings"),
  [
    (
      "42",
      ["42", " 42. ", "42.0", "42.", "+42", "042", "$42", r"\$42", "$42$"],
    ),
    ("42", ["42 apples", r"42\text{ cm}^2", "x = 42", r"42^\circ", "42°"]),
    (r"2\pi", [r"2 \pi", r"2\pi\text{ cm}", r"2\pi \mbox{ inches}"]),
    ("42", [r"\(42\)", r"\frac{84}{2}", "84/2", "$42 per week"]),
    ("1234", ["1,234", "1234", r"1,\!234", "$1,234.00", "1,234 dollars"]),
    ("-7", ["-7", "\N{MINUS SIGN}7", "- 7", r"-\frac{14}{2}", "-7.0"]),
    ("0", ["0", "-0", "0.0", ".0", "0/5"]),
    ("0.5", ["0.5", ".5", "0.50", "00.5"]),
    (r"\frac{1}{2}", ["1/2", "2/4", r"\frac12", r"\dfrac{1}{2}", r"\frac 1 2"]),
    (r"\frac{1}{2}", [r"\tfrac1{2}", r"-\frac{-1}{2}"]),
    (r"-\frac{1}{2}", ["-1/2", r"-\frac{1}{2}", r"\frac{-1}{2}", r"-\frac12"]),
    (r"1\frac{1}{2}", ["1 1/2", r"1\frac12", r"1 \frac{1}{2}"]),
    (r"\frac{\frac{1}{2}}{3}", [r"\frac{\frac12}3", r"\dfrac{\frac{1}{2}}{3}"]),
    (r"\frac{x}{y}", [r"\frac xy", r"\dfrac{x}{y}"]),
    (r"\frac{\pi}{2}", [r"\frac\pi2", r"\frac \pi 2"]),
    (r"\sqrt{2}", [r"\sqrt2", r"\sqrt 2", r"\sqrt{2}"]),
    ("(1, 2)", ["(1,2)", "(1, 2)", r"\left( 1, 2 \right)", "( 1 ,2 )"]),
    ("(3, 4]", ["(3,4]", r"\left(3, 4\right]"]),
    ("1, 234", ["1, 234", "1 , 234"]),
    ("52_8", ["52_8", "52_{8}"]),
    ("x^2", ["x^2", "x^{2}", "x ^ 2"]),
    ("5", ["(5)", r"\textbf{(5) }", r"\mathbf{5}", r"\textbf{(05)}"]),
    ("p-q", ["p - q", "p-q", "$p - q$"]),
    (r"3\pm2\sqrt{2}", [r"3 \pm 2 \sqrt{2}", r"3\pm2\sqrt2"]),
    ("x-axis", ["x-axis", "X-axis"]),
    ("C", ["C", "(C)", r"\text{(C)}", r"\textbf{(C)}"]),
    ("east", ["east", "East", r"\text{east}", r"\text{ East }", "east."]),
    ("50%", ["50%", r"50\%", r"$50\%$"]),
    (r"\cot x", [r"\cot x", r"\cot  x"]),
    ("", ["", " ", "$$", "."]),
  ],
)
def test_spellings_of_one_answer_share_a_text(canonical, spellings):
  assert {s: tasks.canonical(s) for s in spellings} == dict.fromkeys(
    spellings, canonical
  )


@pytest.mark.parametrize(
  ("first", "second"),
  [
    ("50%", "50"),
    ("3 million", "3"),
    ("3 dozen eggs", "3"),
    ("12 pi", "12"),
    (r"3\text{ million}", "3"),
    ("10 am", "10 pm"),
    ("5x", "5"),
    ("5 x", "5"),
    ("1, 234", "1234"),
    ("(1, 2)", "(2, 1)"),
    ("(3, 4]", "[3, 4]"),
    ("AB", "ab"),
    (r"\text{no}\text{ roots}", "no"),
    (r"x\text{ is even}", "x"),
    ("5!", "5"),
    ("1/0", "0"),
    ("x = 5", "y = 5x"),
    ("-5", "5"),
    ("0.10", "0.01"),
    ("100", "1"),
  ],
)
def test_different_answers_stay_apart(first, second):
  assert tasks.canonical(first) != tasks.canonical(second)


_PIECES = (
  *"0123456789.,;:+-*/=()[]{}$ \n%!^_°xyAB",
  *r"\frac \dfrac \left \right \! \$ \text{ \, \circ \sqrt \pi \\".split(),
  *("\\", " cm", " East", "1,234"),
)


@hypothesis.settings(deadline=None, max_examples=500)
@hypothesis.given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_canonical_text_is_its_own_canonical_text(answer):
  once = tasks.canonical(answer)
  assert tasks.canonical(once) == once


@hypothesis.settings(deadline=None)
@hypothesis.given(st.integers(-(10**12), 10**12), st.integers(1, 10**9))
def test_numbers_keep_their_value(top, bottom):
  text = tasks.canonical(f"{top}/{bottom}").replace("\\frac", "")
  text = text.replace("}{", "/").strip("{}").replace("{", "").replace("}", "")
  assert fractions.Fraction(text) == fractions.Fraction(top, bottom)
  assert tasks.canonical(f"{top:,}") == str(top)
  assert tasks.canonical(f"{top:,}.00") == str(top)


def test_many_signs_before_a_value_are_dropped_in_one_go():
  assert tasks.canonical("=" * 200 + "5") == "5"
