import pytest

from inference_scaling.tasks import synthetic
from inference_scaling.training import tokenizer
from inference_scaling.training.data import labels

PROBLEM = synthetic.generate("train", 12, seed=3, levels=(3,))[0]
GOOD = tuple(
  text if index == 0 else "\n" + text
  for index, text in enumerate(PROBLEM.steps)
)


def edit(index: int, old: str, new: str) -> list[str]:
  steps = list(GOOD)
  assert old in steps[index]
  steps[index] = steps[index].replace(old, new, 1)
  return steps


def result(index: int) -> str:
  return f"= {PROBLEM.operations[index].result}"


def test_the_known_solution_is_good():
  assert labels.exact_labels(PROBLEM, GOOD) == [True] * 3


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_all_is_bad_from_the_first_wrong_result_on(wrong):
  steps = edit(wrong, result(wrong), "= 3")
  expected = [True] * wrong + [False] * (3 - wrong)
  assert labels.exact_labels(PROBLEM, steps) == expected


@pytest.mark.parametrize(
  ("index", "old", "new"),
  [
    (0, "Step 1", "Step 2"),
    (1, f" {PROBLEM.operations[1].right} ", " 7 "),
    (2, " The answer is: ", " The answer is: 1"),
    (2, f" The answer is: {PROBLEM.gold}", ""),
    (1, " ки", f" The answer is: {PROBLEM.operations[1].result} ки"),
    (1, " ки", ""),
    (0, ".", ". Hello."),
  ],
)
def test_every_part_of_a_step_counts(index, old, new):
  got = labels.exact_labels(PROBLEM, edit(index, old, new))
  assert got == [True] * index + [False] * (3 - index)


def test_steps_after_the_last_are_bad():
  steps = [*GOOD, GOOD[-1].replace("Step 3", "Step 4")]
  assert labels.exact_labels(PROBLEM, steps) == [True] * 3 + [False]


def test_another_word_for_the_things_does_no_harm():
  steps = edit(0, PROBLEM.things, "boxes")
  assert labels.exact_labels(PROBLEM, steps) == [True] * 3


def read(steps):
  words = tokenizer.build_tokenizer()
  ids = [words(text, add_special_tokens=False)["input_ids"] for text in steps]
  return ids, labels.token_labels(PROBLEM, ids, steps, words), words


def test_tokens_are_good_up_to_the_first_wrong_one():
  right = PROBLEM.operations[1].result
  steps = edit(1, result(1), f"= {right // 10}{(right + 1) % 10}")
  ids, got, words = read(steps)
  flat = [token for step in ids for token in step]
  first_bad = list(got.good).index(False)
  assert not got.good[first_bad:].any()
  assert words.decode(flat[: first_bad + 1]).endswith(
    f"= {right // 10}{(right + 1) % 10}"
  )
  assert [flat[end] for end in got.step_ends] == [flat[-1]] * 3


def test_all_tokens_of_a_right_solution_are_good():
  ids, got, _ = read(GOOD)
  assert got.good.all()
  assert len(got.good) == sum(map(len, ids))


def test_the_end_of_a_step_has_the_label_of_the_step():
  for steps in (
    GOOD,
    edit(1, result(1), "= 3"),
    edit(2, f" The answer is: {PROBLEM.gold}", ""),
    edit(1, " ки", ""),
    [*GOOD, GOOD[-1]],
    edit(0, PROBLEM.things, "boxes"),
  ):
    _, got, _ = read(steps)
    assert list(got.good[got.step_ends]) == labels.exact_labels(PROBLEM, steps)
