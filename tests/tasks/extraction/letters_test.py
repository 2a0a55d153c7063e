"""Letters of options: what states one, and what abstains."""

import pytest

from inference_scaling import tasks

# The first and the last have one text.
OPTIONS = ("12 apples", "a cat", "42 apples", "Mitosis", "12 apples")


@pytest.mark.parametrize(
  ("text", "letter"),
  [
    ("The answer is (C)", "C"),
    ("The answer is C.", "C"),
    ("Step 1: x ки\nStep 2: so. The answer is: C ки", "C"),
    ("The answer is: (C) 42 apples", "C"),
    ("The answer is C: 42 apples", "C"),
    ("the answer is C because cats", "C"),
    ("The answer is (C), because (B) is too large.", "C"),
    ("The correct answer is (B), not (C).", "B"),
    ("the correct option is B", "B"),
    ("The best choice is option D", "D"),
    ("the correct answer is **D. Mitosis**", "D"),
    ("The answer is $\\mathrm{C}$", "C"),
    ("answer choice: D", "D"),
    ("Final answer: C", "C"),
    ("Answer: C", "C"),
    ("Answer: C) 42 apples", "C"),
    ("**Answer:** C", "C"),
    ("**Answer: (C) 42 apples**", "C"),
    ("**Final Answer**: \\(C\\)", "C"),
    ("Answer:\n\nC", "C"),
    (r"\boxed{C}", "C"),
    (r"\boxed{(c)}", "C"),
    (r"\boxed{\text{C}}", "C"),
    (r"The final answer is $\boxed{C}$", "C"),
    ("So the answer is\n\n$$\\boxed{\\textbf{(D)}}$$", "D"),
    ("<answer>C</answer>", "C"),
    ("**C**", "C"),
    ("so\n(C).", "C"),
    ("So I pick **(C)**.", "C"),
    ("Hence (D) is correct.", "D"),
    # The text of one option alone.
    ("The answer is: 42 apples", "C"),
    (r"\boxed{42 \text{ apples}}", "C"),
    ("The answer is a cat.", "B"),
    ("The answer is (A) 12 apples", "A"),
    # The last statement of the first kind, and what follows a thought.
    ("The answer is (A). Wait. The answer is (B).", "B"),
    (r"\boxed{A} Wait. The answer is: B", "B"),
    ("<think>The answer is (A)</think>\nThe answer is (B)", "B"),
    ("<think>The answer is (A)</think>\nSo it is.", "A"),
  ],
)
def test_states_a_letter(text, letter):
  assert tasks.extract_letter(text, OPTIONS) == letter


@pytest.mark.parametrize(
  "text",
  [
    "",
    "I think A or B",
    "A cat is nice.",
    "The answer is (C) or (D)",
    "Answer: A, B",
    r"\boxed{A, B}",
    r"\boxed{A and D}",
    "(A) is correct. So (B) is correct.",
    "If (D) is correct we are done.",
    "Is the answer (C)?",
    "The answer is (C)?",
    "The answer is not (C).",
    "The answer is I do not know",
    # No such option, and the text of another one.
    r"\boxed{F}",
    "I",
    "The answer is (C) Mitosis",
    "The answer is (C) 12 apples",
    # Two options have it.
    "The answer is: 12 apples",
    # The last statement is none; the one before is not taken for it.
    "The answer is (A). Or: The answer is (B) or (C).",
    r"<think>\boxed{A}</think> The answer is (B) or (C).",
    r"Cut off: \boxed{C",
  ],
)
def test_abstains(text):
  assert tasks.extract_letter(text, OPTIONS) is None


def test_ten_options_have_ten_letters():
  options = [f"option {i}" for i in range(10)]
  assert tasks.extract_letter("The answer is (J)", options) == "J"
  assert tasks.extract_letter("The answer is (I)", options) == "I"
  assert tasks.extract_letter("The answer is I think", options) is None
  assert tasks.extract_letter("The answer is (K)", options) is None


def test_the_time_for_a_long_text_is_bounded():
  text = "The answer is (A) or (B) " * 20_000 + "**" * 20_000
  assert tasks.extract_letter(text, OPTIONS) is None
