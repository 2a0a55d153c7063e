"""Answers spelled as people and programs write them without LaTeX."""
# ruff: noqa: RUF001  unicode mathematics is part of the subject

import pytest

from inference_scaling import tasks


@pytest.mark.parametrize(
  ("plain", "latex"),
  [
    ("x**2 + 2*x", "x^2 + 2*x"),
    ("2**(1/2)", "2^(1/2)"),
    ("6.02 x 10^{23}", r"6.02 \times 10^{23}"),
    ("x >= 3", r"x \ge 3"),
    ("x <= 3", r"x \le 3"),
    (r"x \not= 3", r"x \ne 3"),
    ("cot x", r"\cot x"),
    ("sin x + cos x", r"\sin x + \cos x"),
    ("0.333...", r"0.\overline{3}"),
    (r"0.1666\ldots", r"0.1\overline{6}"),
    (r"{14 \over 3}", r"\frac{14}{3}"),
    (r"14 \over 3", r"\frac{14}{3}"),
    (r"{10 \choose 3}", r"\binom{10}{3}"),
    ("3:30 PM", r"3:30\text{ p.m.}"),
    ("3{:}30", "3:30"),
    (r"\text{Area} = 10", "10"),
    (r"\text{Total cost} = \$10", "10"),
    (r"\overline{AB} = 10", "10"),
    ("all real numbers", r"\mathbb{R}"),
    (r"\text{all reals}", "ℝ"),
    (r"\mathbb R", "ℝ"),
    (r"\text{an ellipse}", r"\text{ellipse}"),
  ],
)
def test_plain_spelling_votes_with_latex(plain, latex):
  assert tasks.canonical(plain) == tasks.canonical(latex)


@pytest.mark.parametrize(
  ("first", "second"),
  [
    ("x**2", "x*2"),
    ("0.33...", r"0.\overline{3}"),
    ("0.343...", r"0.34\overline{3}"),
    ("0.333...4", r"0.\overline{3}"),
    ("3:30 a.m.", "3:30 p.m."),
    ("3:30 p.m.", "3:30"),
    ("5pm", "5"),
    (r"1 + 1 \over 2", r"1 + \frac{1}{2}"),
    (r"1 \over 2", r"1 \choose 2"),
    (r"\text{Area} = 10 = x", "10"),
    (r"\text{Area} \ne 10", "10"),
    (r"\text{width} = 1, \text{height} = 2", "1, 2"),
    ("all real numbers except 2", r"\mathbb{R}"),
    ("all integers", r"\mathbb{R}"),
    ("a b", "b"),
    ("an", ""),
  ],
)
def test_what_means_something_else_stays_apart(first, second):
  assert tasks.canonical(first) != tasks.canonical(second)
  assert not second or not tasks.grade(second, first)
