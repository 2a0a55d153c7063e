"""Right and wrong answers of every kind, by their canonical texts."""

import fractions
import math

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import tasks
from inference_scaling.tasks import equivalence
from tests.tasks.equivalence.right_answers import EQUAL
from tests.tasks.equivalence.wrong_answers import DIFFERENT


def is_equal(gold, answer, percent="either"):
  texts = tasks.canonical(gold), tasks.canonical(answer)
  return equivalence.is_equal(*texts, percent)


@pytest.mark.parametrize("kind", EQUAL)
def test_equal(kind):
  wrong = [pair for pair in EQUAL[kind] if not is_equal(*pair)]
  assert wrong == []


@pytest.mark.parametrize("kind", DIFFERENT)
def test_different(kind):
  wrong = [pair for pair in DIFFERENT[kind] if is_equal(*pair)]
  assert wrong == []


def test_a_percent_is_a_hundredth_and_also_its_number_if_asked():
  for gold, answer in (("28", "28%"), (r"28\%", "28"), ("28", "28 percent")):
    assert is_equal(gold, answer)
    assert not is_equal(gold, answer, "value")
  for percent in ("either", "value"):
    assert is_equal("0.28", "28%", percent)
    assert is_equal("28%", r"28\text{ percent}", percent)
    assert is_equal(r"\frac{1}{2}", r"50\%", percent)
    assert not is_equal("28", "2.8%", percent)
    assert not is_equal("28", "0.28", percent)
    assert not is_equal("28%", "29%", percent)
    assert not is_equal("2800", "28%", percent)


def test_an_inequality_as_the_gold_answer_stands_for_its_interval():
  assert is_equal("x<2", r"(-\infty, 2)")
  assert not is_equal(r"(-\infty, 2)", "x<2")
  assert not is_equal("x<2", r"(-\infty, 2]")


_GOLDS = (
  "5", "-7.25", r"\frac{3}{4}", r"2\sqrt{3}", "x + 2", "(1, 2)", "4, 6",
  "52_8", "6 - 5i", "east", r"[0, \pi)", "y = 2x", r"\{2, 3\}")  # fmt: skip
_JUNK = (
  "√2", "½", "²", "⁻¹", r"\sqrt{2}", r"\frac{1}{2}", r"\ldots", "+", "-", "*",
  "/", "^", "_", "^2", "_7", "!", "{", "}", "(", "[", "&", "=", "<", " or more",
  " halves", r"\text{ only}", r"\mathrm{i}", "i", "x", " 77", "=77", "77",
  r"\\6", r"\cup", r"\pi", "∞", "°x", " squared", r"\text{if }x>0", "|", "?",
  "#", r"\foo", r"\cdot",
)  # fmt: skip


# Before an answer; a root or a sign could make another one of it.
_BEFORE = (
  r"\ldots", "not ", "x", "2", "-", r"\neq ", ">", "#", "{", ")", "]", "&",
  "half ",
)  # fmt: skip


@hypothesis.settings(deadline=None, max_examples=400)
@hypothesis.given(
  st.sampled_from(_GOLDS),
  st.lists(st.sampled_from(_JUNK), max_size=3).map("".join),
  st.lists(st.sampled_from(_BEFORE), max_size=2).map("".join),
)
def test_a_right_answer_with_more_around_it_is_wrong(gold, behind, before):
  hypothesis.assume(behind or before)
  assert not is_equal(gold, before + gold + behind)


@hypothesis.settings(deadline=None, max_examples=300)
@hypothesis.given(
  st.fractions(max_denominator=10**6), st.fractions(max_denominator=10**6)
)
def test_fractions_are_equal_exactly_where_their_values_are(first, second):
  def spelled(value):
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"

  assert is_equal(
    spelled(first), f"{first.numerator * 6}/{first.denominator * 6}"
  )
  assert is_equal(spelled(first), spelled(second)) == (first == second)
  near = first + fractions.Fraction(1, 10**40)
  assert not is_equal(spelled(first), spelled(near))


@hypothesis.settings(deadline=None)
@hypothesis.given(st.decimals(-1000, 1000, places=7), st.integers(1, 9))
def test_decimals_are_equal_to_their_last_digit(value, step):
  text = f"{value:.7f}"
  assert is_equal(text, text + "00")
  assert is_equal(text, rf"\frac{{{int(value * 10**7)}}}{{{10**7}}}")
  last = str((int(text[-1]) + step) % 10)
  assert not is_equal(text, text[:-1] + last)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.integers(1, 999), st.integers(2, 9999), st.integers(1, 40))
def test_roots_are_equal_exactly_where_their_squares_are(a, b, n):
  hypothesis.assume(math.isqrt(b) ** 2 != b)
  assert is_equal(rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b}}}")
  assert not is_equal(rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b + 1}}}")
  assert not is_equal(rf"{a}\sqrt{{{b}}}", rf"{a}\sqrt{{{b}}} + 10^{{-{n}}}")


@hypothesis.settings(deadline=None)
@hypothesis.given(st.integers(0, 10**4), st.integers(1, 10**4 - 1))
def test_a_repeating_decimal_is_its_fraction(whole, period):
  text = rf"{whole}.\overline{{{period:04d}}}"
  value = whole + fractions.Fraction(period, 9999)
  assert is_equal(f"{value.numerator}/{value.denominator}", text)
  assert not is_equal(f"{value.numerator + 1}/{value.denominator}", text)


@hypothesis.settings(deadline=None, max_examples=300)
@hypothesis.given(st.lists(st.sampled_from(_JUNK + _GOLDS), max_size=8))
def test_any_text_is_judged_and_equals_itself(pieces):
  text = "".join(pieces)
  assert equivalence.is_equal(text, text)
  assert is_equal("5", text) in (True, False)
