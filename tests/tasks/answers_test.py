import json
import pathlib

import pytest

from inference_scaling import tasks

DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"


def _rows(name):
  path = DATA / name
  if not path.is_file():
    pytest.skip(f"no benchmark file at {path}")
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
