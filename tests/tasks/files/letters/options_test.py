import pytest

from inference_scaling import tasks
from inference_scaling.tasks.files import rows
from inference_scaling.tasks.files.letters import options

ROW = rows.Row("set.jsonl", "line 1", {})


def test_the_order_is_one_of_seed_and_problem():
  # As recorded sweeps have it: this never changes.
  assert [options.shuffled(4, 0, number) for number in range(4)] == [
    [0, 1, 2, 3], [1, 3, 0, 2], [2, 0, 3, 1], [3, 0, 1, 2]
  ]  # fmt: skip
  assert options.shuffled(4, 1, 0) == [2, 3, 0, 1]
  orders = {tuple(options.shuffled(4, seed, 7)) for seed in range(50)}
  assert len(orders) > 12
  assert len({tuple(options.shuffled(4, 0, n)) for n in range(50)}) > 12


def test_every_place_is_as_likely():
  places = [options.shuffled(4, 3, number).index(0) for number in range(2000)]
  assert all(430 < places.count(place) < 570 for place in range(4))


def test_the_question_lists_the_options_and_gold_is_a_letter():
  made = options.make_problem(ROW, 5, "Which? ", [" w", "x", "y", "z"], 2, None)
  assert made == tasks.Problem(
    5, "Which?\n\n(A) w\n(B) x\n(C) y\n(D) z", "C", 1, "set",
    options=("w", "x", "y", "z"),
  )  # fmt: skip
  for seed in range(9):
    made = options.make_problem(ROW, 5, "Which?", ["w", "x", "y"], 2, seed)
    assert f"({made.gold}) y" in made.question.splitlines()
    assert made.options["ABC".index(made.gold)] == "y"
    assert sorted(made.options) == ["w", "x", "y"]


def test_an_option_with_the_text_of_the_right_one_is_right():
  made = options.make_problem(ROW, 0, "Which?", ["w", "x", "w"], 2, None)
  assert made.golds == ("C", "A")


@pytest.mark.parametrize("count", [0, 1, 27])
def test_a_number_of_options_without_letters_is_refused(count):
  with pytest.raises(ValueError, match=f"line 1: there are {count} options; e"):
    options.make_problem(ROW, 0, "Which?", ["w"] * count, 0, 0)
