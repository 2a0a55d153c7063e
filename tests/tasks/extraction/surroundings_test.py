import pytest

from inference_scaling.tasks.extraction import surroundings


@pytest.mark.parametrize(
  ("answer", "surrounded"),
  [
    ("42", ["$42$.", r"\(42\)", r"\[ 42 \]", "**42**", "*42*."]),
    ("42", ["__42__", "_42_", '"42"', "'42'"]),
    ("42", ["\u201c42\u201d", "\u00ab42\u00bb", "\u201e42\u201c"]),
    ("42", ["`42`", "``42``", "``42''", "```\n42\n```", "```latex\n42\n```"]),
    ("42", ['"42."', "**`$42$`**", "{42}", "{{42}}", "[42]", "[$42$]."]),
    ("42", ["42)", "42]", "42}", '42"', "42`", "42\u201d", "42.)", "42 \\\\"]),
    ("42", [r"\color{red}{42}", r"{\color{red} 42}", r"\color{red} 42"]),
    ("42", [r"\textcolor{red}{42}", r"\color[rgb]{1,0,0}{42}"]),
    ("42", [r"\colorbox{red}{42}", r"\fcolorbox{red}{blue}{$42$}"]),
    ("42", [r"\underline{42}", r"\mathbf{42}", r"\boldsymbol {42}"]),
    ("42", [r"\hbox{42}", r"\emph{\underline{42}}", r"{\large\bf 42}"]),
    ("42", [r"42 \tag{1}", r"42\tag*{(1)}", r"\label{a} 42 \nonumber"]),
    ("42", [r"\boxed{42}", r"$\boxed{42}$ dollars", r"\boxed{\bm{42}}"]),
    ("42", [r"\begin{equation} 42 \end{equation}", "42</answer>", "42 ки"]),
    ("x = 42", [r"\begin{align*} x &= 42 \end{align*}"]),
    ("42", [r"\begin{align} x &= 40 + 2 \\ &= 42 \\ \end{align}"]),
    ("42", ["<b>42</b>", "<u>$42$</u>."]),
    ("42", ["42 \u2705", "\U0001f389 **42** \u2714\ufe0f"]),
    (
      r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
      [
        r"\begin{align*} A &= B \\[2pt] &= "
        r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \\ \end{align*}",
        r"\begin{equation} \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} "
        r"\end{equation}",
      ],
    ),
    (r"a = 1 \\ b = 2", [r"\begin{align} a &= 1 \\ b &= 2 \end{align}"]),
    ("1234", ["1,234", r"1,\!234", "$1,234$", "**1,234**"]),
    ("1, 2", [r"\color{red}{1, 2}", r"{\color{red} 1, 2}", r"\mathbf{1, 2}"]),
    ("(1, 2)", ["$(1, 2)$", r"\color{red}{(1, 2)}", "(1, 2))", '"(1, 2)."']),
    (r"\{1, 2\}", [r"$\{1, 2\}$", r"\mathbf{\{1, 2\}}", r"\{1, 2\}}"]),
  ],
)  # fmt: skip
def test_strips_what_is_no_part_of_an_answer(answer, surrounded):
  stripped = {s: surroundings.strip_surroundings(s) for s in surrounded}
  assert stripped == dict.fromkeys(surrounded, answer)


@pytest.mark.parametrize(
  "answer",
  [
    "(1, 2)", "[0, 1)", "[0, 1]", "(0, 1]", "]0, 1[", "]0, 1]", "]0, 1)",
    r"(-\infty, 3]", r"x \in ]0, 1]", r"]0, 1[ \cup ]2, 3]", "(C)", "(42)",
    "[1,234]", "[1, 2]", "[x]", "{1, 2}", r"\{1\}", r"\left\{1\right\}",
    r"\left.x\right)", "f(2)", "f'(x)", "5!", "x'", r"\text{East}",
    r"\textbf{(C)}", r"\mathrm{i}", r"\underline{a}+\underline{b}", "{a}{b}",
    '"a" or "b"', r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"1\\{2}",
    r"\{\}", "2**3", "1, 234", r"50\%", "√2",
  ],
)  # fmt: skip
def test_leaves_what_is_part_of_an_answer(answer):
  assert surroundings.strip_surroundings(answer) == answer


@pytest.mark.parametrize(
  "content",
  [
    "", "$$", "**", "()", "{}", r"\boxed{}", r"\boxed{4", r"\color{red}{}",
    r"\tag{1}", "<answer>4", '""', "``````",
  ],
)  # fmt: skip
def test_leaves_nothing_where_there_is_no_answer(content):
  assert surroundings.strip_surroundings(content) == ""


def test_strips_many_layers_and_no_more():
  most = surroundings.MAX_LAYERS
  for layers in (1, most - 1):
    assert (
      surroundings.strip_surroundings("{" * layers + "4" + "}" * layers) == "4"
    )
  assert surroundings.strip_surroundings("{" * 99 + "4" + "}" * 99) != "4"
