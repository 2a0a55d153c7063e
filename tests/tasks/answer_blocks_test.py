"""An answer is the same whatever it stands in and whatever states it."""

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import tasks

# What an answer stands in, below a statement or beside it.
BLOCKS = {
  "line": "{}",
  "full stop": "{}.",
  "dollars": "${}$",
  "parentheses": r"\({}\)",
  "display": r"\[ {} \]",
  "display in lines": "\\[\n{}.\n\\]",
  "double dollars": "$$\n{}\n$$",
  "numbered": r"\[ {} \tag{{1}} \]",
  "equation": "\\begin{{equation}} \\label{{eq}}\n{}\n\\end{{equation}}",
  "align": "\\begin{{align*}}\n{} \\nonumber\n\\end{{align*}}",
  "aligned": r"$$\begin{{aligned}} {} \end{{aligned}}$$",
  "bold": "**{}**",
  "bold math": "**${}$**",
  "fence": "```\n{}\n```",
  "fence of a language": "```latex\n{}\n```",
  "code": "`{}`",
  "quotes": '"{}"',
  "curly quotes": "\u201c{}.\u201d",
  "low quotes": "\u201e{}\u201c.",
  "guillemets": "\u00ab{}\u00bb",
  "color": r"$\color{{red}}{{{}}}$",
  "color in a group": r"${{\color{{red}} {}}}$",
  "text color": r"\textcolor{{red}}{{{}}}",
  "color model": r"\textcolor[rgb]{{1,0,0}}{{{}}}",
  "underlined": r"$\underline{{\underline{{{}}}}}$",
  "boldface": r"$\mathbf{{{}}}$",
  "hbox": r"$\hbox{{{}}}$",
  "box": r"$\boxed{{{}}}$",
  "box in lines": "\\boxed{{\n{}\n}}",
  "box in a box": r"\boxed{{\boxed{{{}}}}}",
  "box and space": r"\boxed {{{}}}",
  "colored box": r"\textcolor{{red}}{{\boxed{{{}}}}}",
  "color in a box": r"\boxed{{\color{{red}}{{{}}}}}",
}
STATEMENTS = {
  "on its line": "The answer is: {}",
  "below": "The answer is:\n{}",
  "far below": "The answer is: \n\n \n{}\n",
  "carriage returns": "The answer is:\r\n\r\n{}\r\n",
  "quoted line": "The answer is:\n> {}",
  "bold statement": "**The answer is:**\n\n{}",
  "before a step": "The answer is:\n{}\nStep 4: we add 5 and 7.",
  "before a tag": "Step 1: The answer is: {} ки\nStep 2: 3 ки",
  "before prose": "The answer is:\n\n{}\n\nWe add 5 and 7 to see it.",
  "parenthesis": "So (the answer is: {}) and 5.",
  "bracket": "[The answer is: {}]",
  "heading": "## Final Answer\n\n{}",
  "hash": "#### {}",
  "tags": "<answer>\n{}\n</answer>",
  "tags on a line": '<Answer type="final">{}</Answer>',
  "statement in tags": "<answer>The answer is: {}</answer>",
  "prose": "Therefore, the answer is\n{}",
}
VALUES = [
  "42", "-7", r"\frac{1}{2}", r"\sqrt{2}", "(1, 2)", "[0, 1)", "[0, 1]",
  r"(-\infty, 3]", "]0, 1]", "]0, 1[", r"\{1, 2\}", r"\left\{1\right\}",
  "[0, 1[", r"\left]0, 1\right[", r"]-1, 0] \cup [1, 2[", "x + 1", "(C)",
  r"\text{(C)}", r"1\\{2}", "3, 5, 7", r"2\pi",
]  # fmt: skip


@pytest.mark.parametrize("statement", STATEMENTS)
def test_extracts_what_stands_in_any_block_after_a_statement(statement):
  wrong = []
  for block, value in itertools.product(BLOCKS, VALUES):
    text = STATEMENTS[statement].format(BLOCKS[block].format(value))
    answer = tasks.extract_answer(text)
    if answer != value:
      wrong.append((text, answer))
  assert wrong == []


SURROUNDINGS = [
  "({})", "[{}]", '"{}"', "'{}'", "`{}`", "**{}**", "__{}__", "_{}_", "*{}*",
  "**({})**", "So 5 ({}) and 7", "({}.)", '"{}," he said', "{}. That was all.",
  "\u201c{}.\u201d And 7.", "\u2018{}\u2019", "\u00ab{}\u00bb",
  r"\text{{{}}}", r"\({}\)", "- {}", "> {}", "{}</think>",
]  # fmt: skip


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
def test_a_statement_ends_with_what_it_stands_in(surrounding):
  content = {
    value: [
      tasks.extract_answer(surrounding.format(f"{words} {value}"))
      for words in ("The answer is:", "the final answer is: ")
    ]
    for value in VALUES
  }
  assert content == {value: [value, value] for value in VALUES}


_COMMANDS = st.sampled_from((
  r"\color{{red}}{{{}}}", r"{{\color{{red}} {}}}", r"\textcolor{{red}}{{{}}}",
  r"\underline{{{}}}", r"\mathbf{{{}}}", r"\hbox{{{}}}", r"\boxed{{{}}}",
  r"\boldsymbol {{{}}}", r"{} \tag{{1}}", r"\label{{eq}} {}", r"{}\,",
))  # fmt: skip
_MATH = st.sampled_from((
  "{}", "${}$", r"\({}\)", r"\[ {} \]", "$$\n{}\n$$", "\\[\n{}.\n\\]",
  r"\begin{{align*}} {} \end{{align*}}",
  r"$$\begin{{split}} {} \end{{split}}$$",
))  # fmt: skip
_TEXT = st.sampled_from((
  "{}", "{}.", "**{}**", '**"{}"**', "'{}'", "`{}`", "**`{}`**", "```\n{}\n```",
  "````tex\n{}\n````", "\u201c{}.\u201d", "\u201e**{}**\u201c",
))  # fmt: skip


@hypothesis.settings(deadline=None, max_examples=300)
@hypothesis.given(
  st.sampled_from(VALUES),
  st.lists(_COMMANDS, max_size=3),
  _MATH,
  _TEXT,
  st.sampled_from(sorted(STATEMENTS)),
)
def test_layers_of_surroundings_give_back_the_answer(
  value, commands, math, words, statement
):
  text = value
  for layer in (*commands, math, words, STATEMENTS[statement]):
    text = layer.format(text)
  assert tasks.extract_answer(text) == value
