"""The synthetic benchmark, read by a parser that knows only English verbs."""

import collections
import itertools
import re

import numpy as np
import pytest

from inference_scaling.tasks import (
  phrases,
  synthetic,
)
from inference_scaling.tasks.extraction import answers
from inference_scaling.tasks.grading import canonical_text

# What a sentence does to the number of things. The words are written here a
# second time on purpose: the templates are what is tested.
VERBS = (
  ("+", r"^\w+ buys (\d+) more THINGS$"),
  ("+", r"^Then \w+ finds (\d+) THINGS$"),
  ("+", r"^\w+ gives NAME (\d+) THINGS$"),
  ("+", r"^NAME gets (\d+) THINGS from \w+$"),
  ("+", r"^Later (\d+) THINGS are added$"),
  ("-", r"^NAME loses (\d+) THINGS$"),
  ("-", r"^Then NAME gives (\d+) THINGS to \w+$"),
  ("-", r"^NAME sells (\d+) THINGS$"),
  ("-", r"^\w+ takes (\d+) of the THINGS$"),
  ("-", r"^Later (\d+) THINGS are used up$"),
  ("*", r"^Then NAME trades them for (\d+) times as many THINGS$"),
  ("*", r"^Now the number of THINGS grows to (\d+) times as many$"),
  ("*", r"^NAME swaps each of the THINGS for (\d+) new ones$"),
  ("/", r"^NAME shares the THINGS equally among (\d+) bags and keeps one bag$"),
  ("/", r"^Then NAME makes (\d+) equal piles of THINGS and keeps only one"),
  ("/", r"^The THINGS are split evenly between (\d+) people and NAME is one$"),
)
QUESTION = re.compile(
  r"How many (?P<a>\w+) does (?P<b>\w+) have now\?"
  r"|How many (?P<c>\w+) are left for (?P<d>\w+) in the end\?"
  r"|What is the number of (?P<e>\w+) that (?P<f>\w+) has at the end\?"
)
STEP = re.compile(r"Step (\d+): (\d+) ([-+*/]) (\d+) = (\d+) (\w+)\.")
COUNT = 240


def _read(question):
  """Reads (start, [(symbol, number), ...], sentences that change nothing)."""
  requested = QUESTION.search(question)
  things, name = (group for group in requested.groups() if group)
  assert requested.end() == len(question)
  first, *rest = question[: requested.start()].strip().rstrip(".").split(". ")
  assert things in first
  assert name in first
  start = int(re.search(r"\d+", first)[0])
  changes, ignored = [], []
  for sentence in rest:
    listed = [
      (symbol, int(match[1]))
      for symbol, verb in VERBS
      if (
        match := re.search(
          verb.replace("NAME", name).replace("THINGS", things), sentence
        )
      )
    ]
    assert len(listed) <= 1, sentence
    changes += listed
    if not listed:
      ignored.append(sentence)
      # A fact to be ignored speaks of other people and other things.
      assert not re.search(rf"\b({name}|{things})\b", sentence), question
  return start, changes, ignored


def _solve(start, changes):
  """The running values, each an exact whole number."""
  values = [start]
  for symbol, number in changes:
    value = values[-1]
    if symbol == "/":
      assert value % number == 0
    result = {
      "+": value + number, "-": value - number,
      "*": value * number, "/": value // number,
    }[symbol]  # fmt: skip
    values.append(result)
  return values


def _chain(problem):
  """The arithmetic of a problem, from its question alone."""
  start, changes, _ = _read(problem.question)
  return start, *changes


@pytest.fixture(scope="module", params=["train", "validation", "test"])
def problems(request):
  return synthetic.generate(request.param, COUNT, seed=3)


def test_question_has_the_gold_answer(problems):
  for problem in problems:
    start, changes, _ = _read(problem.question)
    assert len(changes) == problem.level, problem.question
    assert str(_solve(start, changes)[-1]) == problem.gold, problem.question


def test_solution_is_the_question_step_by_step(problems):
  for problem in problems:
    start, changes, _ = _read(problem.question)
    values = _solve(start, changes)
    lines = problem.solution.split("\n")
    assert len(lines) == problem.level
    for number, line in enumerate(lines):
      index, left, symbol, right, result, things = STEP.match(line).groups()
      assert int(index) == number + 1
      assert (int(left), int(result)) == (values[number], values[number + 1])
      assert (symbol, int(right)) == changes[number]
      assert things in problem.question
      ending = line[STEP.match(line).end() :]
      last = f" The answer is: {problem.gold} ки"
      assert ending == (last if number + 1 == problem.level else " ки")


def test_answer_is_found_in_the_solution(problems):
  for problem in problems:
    assert answers.extract_answer(problem.solution) == problem.gold
    assert canonical_text.canonical(problem.gold) == problem.gold


def test_values_stay_within_two_digits(problems):
  for problem in problems:
    start, changes, _ = _read(problem.question)
    assert all(10 <= value <= 99 for value in _solve(start, changes))
    for symbol, number in changes:
      low, high = (2, 5) if symbol in "*/" else (10, 40)
      assert low <= number <= high


def test_levels_come_in_turn(problems):
  assert [p.level for p in problems] == [i % 6 + 1 for i in range(COUNT)]
  assert [p.id for p in problems] == list(range(COUNT))
  assert {p.source for p in problems} == {"synthetic"}


def test_questions_differ(problems):
  assert len({p.question for p in problems}) == COUNT


def test_distractors_appear_and_change_nothing(problems):
  counts = collections.Counter(
    len(_read(problem.question)[2]) for problem in problems
  )
  # None, one or two; each often. That the answer is right in spite of them is
  # what test_question_has_the_gold_answer says.
  assert set(counts) == {0, 1, 2}
  assert min(counts.values()) > COUNT / 6


def test_all_operations_and_wordings_appear(problems):
  texts = [problem.question for problem in problems]
  seen = collections.Counter(
    change[0] for text in texts for change in _read(text)[1]
  )
  assert set(seen) == set("+-*/")
  assert min(seen.values()) > 0.1 * sum(seen.values())
  for templates in (phrases.STARTS, phrases.QUESTIONS, phrases.DISTRACTORS,
                    *phrases.CHANGES.values()):  # fmt: skip
    for template in templates:
      pattern = re.sub(r"\\{\w+\\}", r"\\w+", re.escape(template))
      assert any(re.search(pattern, text) for text in texts), template


def test_splits_share_no_arithmetic():
  chains = {
    split: {_chain(p) for p in synthetic.generate(split, 200, seed=0)}
    for split in synthetic.SPLITS
  }
  for first, second in itertools.combinations(chains.values(), 2):
    assert not first & second


def test_split_does_not_depend_on_the_seed():
  # Nor on the levels asked for: test problems stay test problems.
  for seed in range(3):
    for problem in synthetic.generate("test", 30, seed, levels=(1, 4)):
      assert synthetic.split_of(problem.operations) == "test"


def test_splits_have_their_shares():
  rng = np.random.default_rng(0)
  names = collections.Counter(
    synthetic.split_of([synthetic.Operation(int(a), "+", int(b), int(a + b))])
    for a, b in rng.integers(1, 10**6, (4000, 2))
  )
  assert abs(names["train"] / 4000 - 0.9) < 0.02
  assert abs(names["validation"] / 4000 - 0.05) < 0.015
  assert abs(names["test"] / 4000 - 0.05) < 0.015


def test_draw_is_a_function_of_its_arguments():
  first = synthetic.generate("test", 40, seed=5)
  assert synthetic.generate("test", 40, seed=5) == first
  assert synthetic.generate("test", 25, seed=5) == first[:25]
  other = synthetic.generate("test", 40, seed=6)
  assert not {p.question for p in first} & {p.question for p in other}


def test_stream_holds_what_is_generated():
  stream = itertools.islice(synthetic.stream("test", seed=5), 12)
  assert list(stream) == synthetic.generate("test", 12, seed=5)
  third = synthetic.problem_at("test", seed=5, index=2)
  assert third == synthetic.generate("test", 12, seed=5)[2]


def test_only_the_levels_asked_for():
  levels = [p.level for p in synthetic.generate("test", 7, 0, levels=(4, 6))]
  assert levels == [4, 6, 4, 6, 4, 6, 4]


def test_no_problems():
  assert synthetic.generate("train", 0, seed=0) == []


@pytest.mark.parametrize(
  "arguments,message",
  [
    (("dev", 1, 0), "split is 'dev'; expected one of test, train, validation"),
    (("test", -1, 0), "count is -1"),
    (("test", 1, 0, (0,)), r"levels are \[0\]"),
    (("test", 1, 0, (3, 7)), r"levels are \[3, 7\]"),
    (("test", 1, 0, ()), r"levels are \[\]"),
  ],
)
def test_bad_arguments(arguments, message):
  with pytest.raises(ValueError, match=message):
    synthetic.generate(*arguments)
