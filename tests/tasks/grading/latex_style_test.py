import pytest

from inference_scaling import tasks


@pytest.mark.parametrize(
  ("text", "plain"),
  [
    (r"\boldsymbol{9}", "9"),
    (r"\bm{9}", "9"),
    (r"\mathbf{x}", "x"),
    (r"\mathbf{\frac{1}{2}}", r"\frac{1}{2}"),
    (r"\boldsymbol{\mathbf{(1,2)}}", "(1, 2)"),
    (r"\mathit{x}+\mathsf{1}", "x+1"),
    (r"2\pi\mathrm{r}", r"2\pi r"),
    (r"\mathrm{i}", "i"),
    (r"\mathrm{e}^{2}", "e^2"),
    (r"1-\frac{1}{\mathrm{e}}", r"1-\frac{1}{e}"),
    (r"\operatorname{sin} x", r"\sin x"),
    (r"\mathrm{ln}\,2", r"\ln2"),
    (r"\text{East}", "east"),
    (r"\approx 9", "9"),
    (r"\approx\boldsymbol{9}", "9"),
    ("= 9", "9"),
    (r"x \le 3", r"x\leq3"),
    (r"x \leqslant 3", r"x\leq3"),
    (r"x \ne 3", r"x\neq3"),
    (r"x \lt 3", "x<3"),
    (r"\lvert x \rvert", "|x|"),
    (r"\lbrace 1, 2 \rbrace", r"\{1, 2\}"),
    (r"\varnothing", r"\emptyset"),
    (r"\begin{bmatrix}1\\2\end{bmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    (r"\dbinom{5}{2}", r"\binom{5}{2}"),
    (r"\big( 1, 2 \big)", "(1, 2)"),
    (r"10{,}080", "10080"),
    (r"10\,080", "10080"),
    (r"0.\bar{3}", r"0.\overline{3}"),
    (r"0.\dot 3", r"0.\overline{3}"),
    (r"90^{\circ}", "90"),
    (r"\sin 30^{\circ}", r"\sin30^\circ"),
    ("sin 30°", r"sin 30^\circ"),
    (r"x^{2}y", "x^2y"),
    (r"x^{2}3", "x^{2}3"),
    (r"x^{a}b", "x^{a}b"),
  ],
)
def test_style_is_taken_out(text, plain):
  assert tasks.canonical(text) == plain


@pytest.mark.parametrize(
  ("first", "second"),
  [
    (r"1\quad 2", "12"),
    (r"1\ 2", "12"),
    (r"1\,2", "12"),
    ("1~2", "12"),
    (r"\sin 30^\circ", r"\sin 30"),
    (r"\overline{AB}", "AB"),
    (r"\mathbb{R}", "R"),
    (r"\mathcal{F}", "F"),
    (r"\vec{v}", "v"),
    (r"\mathrm{abc}+1", "abc+1"),
    ("aB", "ab"),
    ("1, 2, ...", "1, 2"),
    (r"\boldsymbol{9", "9"),
  ],
)
def test_what_has_a_meaning_stays(first, second):
  assert tasks.canonical(first) != tasks.canonical(second)


@pytest.mark.parametrize(
  "piece",
  ["1", "{", "}", "\\frac", "\\text{a}", "√", "²3", "\\bm{", "1,234", "5 cm ",
   "\\mbox{", " ", "~", "\\quad 1", "(", "^{2}", "...", "$", "\N{EN DASH}",
   "abc-", "%"],
)  # fmt: skip
def test_a_long_answer_is_a_text_and_a_shorter_one_is_bounded(piece):
  long = piece * 20_000
  assert tasks.canonical(long) == " ".join(long.split())
  almost = (piece * 500)[:500]
  once = tasks.canonical(almost)
  assert tasks.canonical(once) == once
