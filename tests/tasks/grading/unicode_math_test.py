# ruff: noqa: RUF001  unicode mathematics is the subject
import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import tasks
from inference_scaling.tasks.grading import unicode_math


@pytest.mark.parametrize(
  ("text", "latex"),
  [
    ("√51", r"\sqrt{51}"),
    ("2√3", r"2\sqrt{3}"),
    ("√ 51", r"\sqrt{51}"),
    ("√(a+b)", r"\sqrt{a+b}"),
    ("√((a+b)c)", r"\sqrt{(a+b)c}"),
    ("√√2", r"\sqrt{\sqrt{2}}"),
    ("∛2", r"\sqrt[3]{2}"),
    ("√2/2", r"\sqrt{2}/2"),
    ("√x", r"\sqrt{x}"),
    ("√1.5", r"\sqrt{1.5}"),
    ("√½", r"\sqrt{\frac{1}{2}}"),
    ("5½", r"5\frac{1}{2}"),
    ("⅒", r"\frac{1}{10}"),
    ("x²", "x^2"),
    ("x²y³", "x^2y^3"),
    ("10⁻³", "10^{-3}"),
    ("xⁿ", "x^n"),
    ("52₈", "52_8"),
    ("a₁₂", "a_{12}"),
    ("2πr", r"2\pi r"),
    ("(−∞, 3)", r"(-\infty, 3)"),
    ("–5", "-5"),
    ("x – 5", "x-5"),
    ("3 × 4", r"3\times4"),
    ("3·4", r"3\cdot4"),
    ("6 ÷ 2", r"6\div2"),
    ("x ≤ 3", r"x\leq3"),
    ("x≥3", r"x\geq3"),
    ("x ≠ 3", r"x\neq3"),
    ("1 ± √2", r"1\pm\sqrt{2}"),
    ("x ∈ ℝ", r"x\in\mathbb{R}"),
    ("A ∪ B", r"A\cup B"),
    ("∅", r"\emptyset"),
    ("⟨1, 2⟩", r"\langle1, 2\rangle"),
    ("θ", r"\theta"),
    ("（1，2）", "(1, 2)"),
    ("𝑥 + 𝟏", "x+1"),
    ("３５", "35"),
    ("0.3̅", r"0.\overline{3}"),
    ("30°", "30"),
    ("30º", "30"),
    ("25℃", "25"),
    ("5\N{NO-BREAK SPACE}cm", "5"),
    ("1\N{THIN SPACE}234", "1 234"),
    ("1\N{FRACTION SLASH}2", r"\frac{1}{2}"),
    ("42\N{ZERO WIDTH SPACE}", "42"),
    ("≈ 9", "9"),
    ("1, 2, …, n", r"1, 2, \ldots, n"),
  ],
)
def test_unicode_becomes_latex(text, latex):
  assert tasks.canonical(text) == latex


@pytest.mark.parametrize(
  "text", ["√", "√+", "√x²", "√12²", "√π²", "√(a+b)²", "√(a", "3–5", "x̂", "五"]
)
def test_what_is_not_clear_stays_and_equals_only_itself(text):
  assert not unicode_math.to_latex(text).isascii()
  assert tasks.grade(text, text)
  for other in ("5", "x", "3", "-2", "12", r"\sqrt{a+b}^2", r"\sqrt{x^2}"):
    assert not tasks.grade(other, text)


def test_each_symbol_stands_for_one_command():
  for symbol, latex in unicode_math.SYMBOLS.items():
    assert len(symbol) == 1 and not symbol.isascii()
    assert latex.isascii() or latex == "°"


@hypothesis.settings(deadline=None, max_examples=300)
@hypothesis.given(
  st.text(st.sampled_from("√∛½²³⁻₈π∞≤–−°…12x(){}\\^_ ,."), max_size=12)
)
def test_latex_of_latex_is_itself(text):
  once = tasks.canonical(text)
  assert tasks.canonical(once) == once
