import json
import pathlib
import string

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import tasks
from inference_scaling.tasks.extraction import statements

SHARED = pathlib.Path(__file__).parents[4] / "shared"


def _rows(name, folder="data"):
  path = SHARED / folder / name
  if not path.is_file():
    pytest.skip(f"no file of problems at {path}")
  with path.open(encoding="utf-8") as file:
    return [json.loads(line) for line in file]


@pytest.mark.parametrize(
  ("text", "answer"),
  [
    ("Step 1: 40 + 2 = 42. ки\nStep 2: Done. The answer is: 42 ки", "42"),
    ("The answer is: 42 ки\nStep 3: more ки", "42"),
    ("The answer is: 42ки", "42"),
    ("The answer is: 42", "42"),
    ("The answer is: 42.", "42"),
    ("The answer is: 3.5.", "3.5"),
    ("The answer is:42 ки", "42"),
    ("The final answer is: 42", "42"),
    ("**The answer is: 42**", "42"),
    ("__The answer is: 42__", "42"),
    ("_The final answer is: 42_", "42"),
    ("The answer is: $42 ки", "42"),
    ("The answer is: $42$. ки", "42"),
    (r"The answer is: \(x+1\) ки", "x+1"),
    (r"The answer is: \[x+1\]", "x+1"),
    ("The answer is: $1,234,567.50 ки", "1234567.50"),
    (r"The answer is: 10,\!080 ки", "10080"),
    ("The answer is: (1, 2) ки", "(1, 2)"),
    ("The answer is: (1,234) ки", "(1,234)"),
    ("The answer is: 1, 234 ки", "1, 234"),
    ("The answer is: 3, 5, 7 ки", "3, 5, 7"),
    ("The answer is: 1,2 ки", "1,2"),
    ("The answer is: 5! ки", "5!"),
    ("The answer is: скидки ки", "скидки"),
    (r"The answer is: $\boxed{\frac{1}{2}}$. ки", r"\frac{1}{2}"),
    (r"so $\boxed{\frac{1}{\sqrt{2}}}$.", r"\frac{1}{\sqrt{2}}"),
    (r"\boxed{1} or rather \boxed{2}, of course", "2"),
    (r"\boxed{\boxed{7}}", "7"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    (r"\fbox{7}", "7"),
    (r"$\boxed 52$", "52"),
    (r"\boxed{3} and then \boxed{4", "3"),
    ("5 eggs\n#### 42", "42"),
    ("#### 1,234", "1234"),
    ("#### -3", "-3"),
    ("So the answer is 42. That was all.", "42"),
    ("The answer is 3.25", "3.25"),
  ],
)
def test_extracts_each_way_of_stating_an_answer(text, answer):
  assert tasks.extract_answer(text) == answer


@pytest.mark.parametrize(
  ("text", "answer"),
  [
    (r"The final answer is $\boxed{42}$.", "42"),
    (r"The final answer is: $\boxed{42}$. I hope it is correct.", "42"),
    ("The final answer is: $42$. I hope it is correct.", "42"),
    ("Final Answer: The final answer is $42$. I hope it is correct.", "42"),
    (r"so the total is \[ \boxed{\dfrac{3}{4}} \]", r"\dfrac{3}{4}"),
    (r"hence \framebox{204}", "204"),
    ("Therefore, the answer is **42**.", "42"),
    ("Therefore, **the answer is 42.**", "42"),
    ("The answer is **42.**", "42"),
    ("The answer is 42 dollars.", "42 dollars"),
    ("The answer is $42$ dollars.", "42"),
    ("The answer is **42** apples, as required.", "42"),
    ("The answer is $3$ million.", "3 million"),
    ("The answer is $1,234.50 per year.", "1,234.50 per year"),
    ("The answer is $3$ and $5$.", "3 and 5"),
    ("The answer is therefore 42.", "42"),
    ("The answer is approximately 3.14.", "3.14"),
    ("The answer is 42, since 6 * 7 = 42.", "42"),
    ("The answer is $42$ because 6 * 7 = 42.", "42"),
    ('The answer is "42".', "42"),
    ("The answer is x = 5.", "x = 5"),
    ("The answer is p - q.", "p - q"),
    ("The answer is $p - q$.", "p - q"),
    ("The answer is **even**.", "even"),
    (r"The answer is \(\frac{1}{2}\).", r"\frac{1}{2}"),
    ("The correct answer is (C).", "(C)"),
    ("The answer to the question is 42.", "42"),
    ("**Answer: 42**", "42"),
    ("**Answer:** $42$", "42"),
    ("**Final Answer**: 42", "42"),
    ("- Answer: 42 apples", "42 apples"),
    ("So 6 * 7 = 42.\nAnswer: 42", "42"),
    ("## Final Answer\n\n**42**", "42"),
    ("## Answer:\n42", "42"),
    ("**The answer is:** 42", "42"),
    ("**The answer is**: 42", "42"),
    ("The answer is:\n\n$$\n42\n$$\n", "42"),
    ("The answer is:\n\n**42**", "42"),
    ("The answer is: 42. That was all.", "42"),
    ("#### $42", "42"),
  ],
)
def test_extracts_how_chat_models_end(text, answer):
  assert tasks.extract_answer(text) == answer


@pytest.mark.parametrize(
  "text",
  [
    "The answer is not 42.",
    "The answer is unclear, but 7 seems likely.",
    "The answer is a prime number: 7.",
    "The answer is: \n Step 5: add 6 and 7",
    "If the answer is 42 then 7 would be even.",
    "If the answer is $42$ then we get a contradiction.",
    "Is the answer 42?",
    "To find the answer, we add 5 and 7.",
    "Answer: Let us add 5 and 7 to get 12.",
    "Answer: first 5 and then 7",
    "## Answer\n\nWe add 5 and 7.",
    "#### Step 3: add 5 and 7",
    "#### 3. Add 5 and 7",
    "##### 42",
    "So 5 + 7 = **12**",
    "Hence we get $x = 12$.",
  ],
)
def test_takes_no_number_that_is_not_stated_as_the_answer(text):
  assert tasks.extract_answer(text) is None


@pytest.mark.parametrize(
  "text",
  [
    "",
    "Step 1: 40 + 2 = 42 ки",
    "The answer is: ки",
    "The answer is:",
    r"\boxed{42",
    r"\boxed{}",
    "####",
    "The answer is not easy to see.",
    "I think that it is 42.",
  ],
)
def test_abstains_without_an_answer(text):
  assert tasks.extract_answer(text) is None


@pytest.mark.parametrize(
  ("text", "answer"),
  [
    (r"The answer is: 1 ки" + "\n" + r"\boxed{2}" + "\n#### 3", "1"),
    ("\\boxed{2}\n#### 3\nthe answer is 4.", "2"),
    ("#### 3\nThe answer is 4.", "3"),
    ("#### 3\nAnswer: 4", "3"),
    ("Answer: 4\nThe answer is 5.", "4"),
    ("Answer: 4\nAnswer: 5", "5"),
    ("The answer is: 1 ки\nThe answer is: 2 ки", "2"),
    ("The answer is: 1 ки\nThe answer is: ки", "1"),
    (r"The answer is: ки \boxed{2}", "2"),
  ],
)
def test_order_of_preference(text, answer):
  assert tasks.extract_answer(text) == answer


@pytest.mark.parametrize(
  ("text", "answer"),
  [
    # R1-Zero and what was trained like it.
    ("<think>6 * 7</think> <answer>42</answer>", "42"),
    ("<think>\nso $42$\n</think>\n<answer>\n\\boxed{42}\n</answer>", "42"),
    ("<think>The answer is: 1</think><answer>2</answer>", "2"),
    ("<think><answer>1</answer></think><answer>2</answer>", "2"),
    # R1: a box after the thoughts, whatever was stated in them.
    ("<think>\nThe answer is: 1. Wait.\n</think>\n\nIt is \\boxed{2}.", "2"),
    (
      "<think>\n\\boxed{1}\n</think>\n**Final Answer**\n\\[ \\boxed{2} \\]",
      "2",
    ),
    ("<think>\\boxed{1}</think>\n\nThe answer is 2.", "2"),
    ("<think>So the answer is: 1</think>\n\nIt is 2.", "1"),
    ("so \\boxed{1}, hm.\n</thinking>\n#### 2", "2"),
    ("<think>a</think> \\boxed{1} <think>b</think> \\boxed{2}", "2"),
    ("<think>The answer is: 1. No, the answer is: 2", "2"),
    # Qwen, Llama 3, Minerva, GSM8K.
    ("Therefore:\n\\[\n\\boxed{\\frac{1}{2}}\n\\]", r"\frac{1}{2}"),
    ("The final answer is: $\\boxed{5}$. I hope it is correct.", "5"),
    ("## Step 9: Add.\n\nThe final answer is: $\\boxed{5}$", "5"),
    ("Final Answer: The final answer is $5$. I hope it is correct.", "5"),
    ("5 * 2 = <<5*2=10>>10\n#### 10", "10"),
    # A model of the step format.
    ("Step 1: 1 ки\nStep 2: So it is 42. The answer is: 42 ки", "42"),
  ],
)
def test_extracts_from_the_formats_of_models(text, answer):
  assert tasks.extract_answer(text) == answer


@pytest.mark.parametrize(
  "text",
  [
    "The Answer is: 42", "THE FINAL ANSWER IS: 42", "The\nanswer is 42.",
    "The answer\xa0is:\xa042", "The answer is\uff1a42", "Answer\uff1a42",
    "My final answer is: 42", "**Answer is:** 42", "1. **Final Answer:** 42",
    "\u2705 **Final Answer: 42**", "\u27a1\ufe0f Answer: 42", "| Answer: 42",
    "The answer is: **42** \u2705", "The answer is 42 \U0001f389",
    "The answer is: 42<|im_end|>", "The answer is 42.</s>", "#### 42<|eot_id|>",
    "Answer: 42<end_of_turn>", "The answer is: 42<\uff5cend\u2581of\uff5c>",
    "The answer is: <b>42</b>", "The answer is: <strong>$42$</strong>.",
    "The answer is indeed 42.", "The answer is then just $42$.",
    "The answer is equal to 42.", "Hence the answer is hence 42.",
    "The answer is 42. Or is it? Maybe the answer is 5?",
    "Answer: 42\n\nIs the answer is: 5? Let me see.",
    r"\boxed{42}" + '\n```python\nprint("The answer is:", x)\n```',
    """print(f'So the answer is: {x}')\n```\n**Answer:** 42""",
    "[THINK]the answer is: 5[/THINK] Answer: 42",
    r"<thought>\boxed{5}</thought> The answer is 42.",
    "<reasoning>The answer is: 5</reasoning>\n**Answer:** 42",
    r"<|end_of_thought|> \boxed{42}", "\u25c1/think\u25b7 Answer: 42",
  ],
)  # fmt: skip
def test_extracts_however_a_statement_is_spelled_and_decorated(text):
  assert tasks.extract_answer(text) == "42"


@pytest.mark.parametrize(
  ("text", "answer"),
  [
    ("The answer is:\nEast", "East"),
    ("The answer is:\nEast. ки", "East"),
    ("The answer is:\n\n**East**\n\nWe go on.", "East"),
    ("The answer is:\n42 miles per hour.", "42 miles per hour"),
    ("The answer is:\n- 42", "42"),
    ("The answer is:\n-42", "-42"),
    ("The answer is:\nC", "C"),
    ("The answer is: <answer>42</answer>", "42"),
    ("The answer is: 42</answer>", "42"),
    ("The answer is: The answer is: 42", "42"),
    ("The answer is: $42\nStep 3: it costs $5", "42"),
    ("The answer is: $$42\nStep 3: add 5", "42"),
    ("The answer is: {1, 2", "{1, 2"),
    ("The answer is: {1, 2}", "{1, 2}"),
    ("The answer is: [1,234]", "[1,234]"),
    ("The answer is: [42]", "42"),
    ("The answer is: f'(x)", "f'(x)"),
    ("The answer is: B) 42", "B) 42"),
    ("The answer is: 2**3", "2**3"),
    ("The answer is: 5!\nStep 3: add", "5!"),
    ("The answer is:\n\nTherefore $\\boxed{5}$", "5"),
    ("the answer is $3$ million", "3 million"),
    ("the answer is √2.", "√2"),
    ("the answer is π.", "π"),
    ('the answer is "East".', "East"),
    ("(the answer is 42)", "42"),
    ("(Answer: 42)", "42"),
    ("Answer: 5\n\n## Final Answer\n\n**42**", "42"),
    ("<answer>1</answer> no, <answer>42</answer>", "42"),
    ("<answer>41<answer>42</answer>", "42"),
    ("<answer>42</answer> and <answer>43", "42"),
    ("In <answer></answer>: <answer>42</answer> <answer> </answer>", "42"),
    ("<answer>We add. So the answer is 42.</answer>", "42"),
    ("<answer>(C) 42</answer>", "(C) 42"),
    ("<answer>East</answer>", "East"),
    (r"\boxed\text{A}", r"\text{A}"),
    (r"$\boxed{5}$ dollars", "5"),
    (r"\boxed{\boxed{}} and \boxed{5} or \boxed{\boxed{ }}", "5"),
    (r"\boxed{\mathbf{(C)}}", "(C)"),
    (r"\boxed{\color{red}{1, 2}}", "1, 2"),
    (r"\boxed{\frac{\color{red}{1}}{2}}", r"\frac{{1}}{2}"),
    (r"\boxed{\underline{a}+\underline{b}}", r"\underline{a}+\underline{b}"),
    (
      r"\boxed{\begin{cases}1\\{2}\end{cases}}",
      r"\begin{cases}1\\{2}\end{cases}",
    ),
    (
      "The answer is: x =\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}\nDone.",
      "x =\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}",
    ),
    ("The answer is:\n\\begin{align}\nx&=2+3\\\\\n&=5\n\\end{align}", "5"),
  ],
)
def test_reads_a_statement_up_to_its_end(text, answer):
  assert tasks.extract_answer(text) == answer


@pytest.mark.parametrize(
  "text",
  [
    "The answer is:\nStep 4: We add 5.",
    "The answer is:\nStep 4: 5",
    "The answer is:\n\nWe add 5 and 7.",
    "The answer is:\n\n**Step 4:** we add 5",
    "The answer is:\n\n**Step 4: 5**",
    "The answer is:\n**We add five and seven first**",
    "The answer is:\n1. First we add 5",
    "The answer is:\n5 + 7 = 12 is what we get.",
    "The answer is:\n2 + 3 = 5, so we add 4 next.",
    "The answer is:\n$x$ is the number of apples.",
    "The answer is:\n$x = 5$, so that we go on",
    "The answer is:\nEast is where we go",
    "The answer is:\nEast\nStep 4: we go on",
    "The answer is:\nTherefore",
    "The answer is:\n```python\nx = 42\nprint(x)\n```",
    "The answer is:\n```\nx is what we want\n```",
    "The answer is\nnot clear",
    "The answer is\ngiven by 5 and 7",
    "the answer is **not what we expect of it**",
    "The answer is: \\boxed{4",
    "The answer is: <answer>4",
    "<answer>42",
    "42</answer>",
    "<answer></answer>",
    "<answer>\nWe add 5 and 7.\nSo it is 12.\n</answer>",
    r"\boxed{4\}",
    r"\boxed{\boxed{}}",
    r"\boxed{\color{red}{}}",
    "(The answer is: )",
    "The answer is: ()",
    "Maybe the answer is 5?",
    "Perhaps **the answer is 5?** No.",
    "The answer is: 5? Let me check.",
    "Answer: 5? No, not yet.",
    'print("The answer is:", 5)',
    "The answer is \u2705.",
  ],
)
def test_abstains_where_no_value_is_stated(text):
  assert tasks.extract_answer(text) is None


_WORDS = ("The answer is: ", "the answer is ", "#### ", "Answer:", "\\boxed{")
_PIECES = (
  *_WORDS, *string.digits[:4], *"{}()[]$*_`\"'.,:;!-+=<>#\\\n ", "ки", "\\{",
  "\\\\", "\\text{", "\\color{red}", "\\begin{align}", "\\end{align}", "\\[",
  "\\]", "$$", "**", "```", "<answer>", "</answer>", "</think>", "Step 4: we",
)  # fmt: skip


@hypothesis.settings(deadline=None, max_examples=500)
@hypothesis.given(
  st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(_PIECES), max_size=25).map("".join),
  )
)
def test_any_text_has_an_answer_or_none(text):
  answer = tasks.extract_answer(text)
  assert answer is None or answer.strip() == answer != ""
  if answer:
    assert len(answer) <= statements.MAX_CHARACTERS


def test_an_extracted_answer_stays_as_it_is():
  for row in _rows("math500.jsonl"):
    answer = tasks.extract_answer(row["solution"])
    for form in (r"\boxed{{{}}}", "The answer is: {}", "<answer>{}</answer>"):
      assert tasks.extract_answer(form.format(answer)) == answer


def test_trials_come_out_as_they_say():
  rows = _rows("extraction.jsonl", folder="trials")
  extracted = [tasks.extract_answer(row["text"]) for row in rows]
  assert extracted == [row["answer"] for row in rows]


def test_all_gsm8k_golds_from_their_solutions():
  rows = _rows("gsm8k_test.jsonl")
  golds = [row["answer"].split("#### ")[1].replace(",", "") for row in rows]
  assert len(golds) == 1319
  for row, gold in zip(rows, golds, strict=True):
    assert tasks.extract_answer(row["answer"]) == gold
    assert tasks.grade(gold, tasks.extract_answer(row["answer"]))


def test_all_math500_golds_from_their_solutions():
  rows = _rows("math500.jsonl")
  wrong = [
    row["answer"]
    for row in rows
    if not tasks.grade(row["answer"], tasks.extract_answer(row["solution"]))
  ]
  assert (len(rows), wrong) == (500, [])


def test_math_shepherd_rows_keep_their_answer():
  for row in _rows("math_shepherd_sample.jsonl"):
    written = row["input"].rsplit("The answer is: ", 1)[1].split(" ки")[0]
    assert tasks.extract_answer(row["input"]) == written.strip()
