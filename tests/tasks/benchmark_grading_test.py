"""Gold answers of the published benchmarks: each equal to itself, no two else.

Rows are read where the files are; none is repeated here.
"""

import functools
import itertools
import json
import pathlib
import re

import pytest

from inference_scaling import tasks
from tests.tasks import gold_mutations, gold_rewritings

SHARED = pathlib.Path(__file__).parents[3] / "shared"
DATA = SHARED / "data"
COUNTS = {"math500": 500, "gsm8k_test": 1319, "aime24": 30, "amc23": 40}


@functools.cache
def _rows(name):
  """Pairs of gold answer and solution, which ends in the gold answer."""
  path = DATA / f"{name}.jsonl"
  if not path.is_file():
    pytest.skip(f"no benchmark file at {path}")
  rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
  assert len(rows) == COUNTS[name]
  if name == "gsm8k_test":
    return [(row["answer"].split("#### ")[1], row["answer"]) for row in rows]
  if name == "math500":
    return [(row["answer"], row["solution"]) for row in rows]
  golds = [str(row["extracted_groundtruth"]) for row in rows]
  solutions = [row["solution"] for row in rows]
  if name == "amc23":  # it has no solutions
    solutions = [rf"So it is $\boxed{{{gold}}}$." for gold in golds]
  return list(zip(golds, solutions, strict=True))


def _steps(solution, gold):
  """A solution in the step format, as the policies write it."""
  sentences = re.split(r"(?<=\.)\s+(?=[A-Z])", " ".join(solution.split()))
  lines = [f"Step {i}: {s} ки" for i, s in enumerate(sentences, start=1)]
  lines.append(f"Step {len(lines) + 1}: That is all. The answer is: {gold} ки")
  return "\n".join(lines)


FORMS = {
  "as it is": "{}",
  "boxed": r"So it is $\boxed{{{}}}$.",
  "final": r"The final answer is $\boxed{{{}}}$. I hope it is correct.",
  "math": "Therefore, the answer is $${}$$.",
  "bold": "Therefore, the answer is **{}**.",
  "sentence": "So the answer is {}.",
  "line": "We add 5 and 7.\n\n**Answer: {}**",
  "heading": "## Final Answer\n\n{}",
  "displayed": "The answer is:\n\n\\[ {} \\]\n",
  "hash": "5 and 7\n#### {}",
}


@pytest.mark.parametrize("name", COUNTS)
def test_golds_are_right_through_solution_and_steps(name):
  wrong = []
  for gold, solution in _rows(name):
    for text in (solution, _steps(solution, gold)):
      answer = tasks.extract_answer(text)
      # One voting class with the gold answer, and so no question of algebra.
      same = answer and tasks.canonical(answer) == tasks.canonical(gold)
      if not same or not tasks.grade(gold, answer):
        wrong.append((gold, answer))
  assert wrong == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", COUNTS)
def test_golds_are_right_however_they_are_stated(name, form):
  wrong = []
  for gold, _ in _rows(name):
    text = FORMS[form].format(gold)
    answer = gold if form == "as it is" else tasks.extract_answer(text)
    same = answer and tasks.canonical(answer) == tasks.canonical(gold)
    if not same or not tasks.grade(gold, answer):
      wrong.append((gold, answer))
  assert wrong == []


SPELLINGS = {
  "dfrac": lambda gold: gold.replace(r"\frac", r"\dfrac"),
  "no sizes": lambda gold: re.sub(r"\\(left|right)\s*", "", gold),
  "thin space": lambda gold: gold.replace(", ", r",\, "),
  "spaces": lambda gold: re.sub(r"(?<=[\w)])([-+=])(?=[\w(\\])", r" \1 ", gold),
  "minus sign": lambda gold: gold.replace("-", "\N{MINUS SIGN}"),
  "braces": lambda gold: re.sub(r"([_^])(\w)(?!\w)", r"\1{\2}", gold),
  "no text": lambda gold: re.sub(r"^\\text\{(.*)\}$", r"\1", gold),
  "full stop": lambda gold: f" ${gold}$. ",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_a_gold_are_one_voting_class(spelling):
  respell = SPELLINGS[spelling]
  apart = [
    gold
    for gold, _ in _rows("math500")
    if tasks.canonical(respell(gold)) != tasks.canonical(gold)
  ]
  assert apart == []


def _permuted(gold):
  """A tuple, interval or column with its first two parts exchanged."""
  column = re.fullmatch(r"(.*matrix\})(.*)(\\end.*)", gold)
  left, inside, right = (
    column or re.fullmatch(r"([^(\[]*[(\[])(.*)([)\]])", gold)
  ).groups()
  mark = r"\\" if column else ","
  parts = inside.split(mark)
  parts[:2] = parts[1::-1]
  return left + mark.join(parts) + right


def test_tuples_intervals_and_columns_keep_their_order():
  ordered = [
    gold
    for gold, _ in _rows("math500")
    if re.search(r"^[^{]*[(\[][^()]*,.*[)\]]$|matrix", gold)
    and r"\cup" not in gold
  ]
  assert len(ordered) >= 20
  for gold in ordered:
    assert _permuted(gold) != gold
    assert not tasks.grade(gold, _permuted(gold)), gold


def test_intervals_keep_their_ends():
  ends = str.maketrans("([)]", "[(])")
  intervals = [
    gold
    for gold, _ in _rows("math500")
    if re.fullmatch(r"[(\[][^,]*,[^,]*\]", gold) or r"\infty" in gold
  ]
  assert len(intervals) >= 5
  for gold in intervals:
    assert not tasks.grade(gold, gold.translate(ends)), gold


def test_different_golds_are_different_answers():
  classes = sorted({tasks.canonical(gold) for gold, _ in _rows("math500")})
  equal = [pair for pair in itertools.pairwise(classes) if tasks.grade(*pair)]
  assert equal == []


@pytest.fixture(name="grader", scope="module")
def _grader():
  with tasks.Grader() as grader:
    yield grader


@pytest.mark.parametrize(
  "rewrite", gold_rewritings.REWRITINGS, ids=lambda rewrite: rewrite.__name__
)
def test_rewritten_golds_are_right_and_vote_with_the_gold(grader, rewrite):
  wrong = []
  for gold in sorted({gold for gold, _ in _rows("math500")}):
    text = rewrite(gold)
    same = tasks.canonical(text) == tasks.canonical(gold)
    if not same or not grader.grade(gold, text):
      wrong.append((gold, text))
  assert wrong == []


# How many golds a rewriting changes at least: one that changed none tests none.
CHANGED_BY = {"unicode": 100, "bold_numbers": 90, "upright_letters": 20}


@pytest.mark.parametrize("name", CHANGED_BY)
def test_rewritings_rewrite(name):
  golds = {gold for gold, _ in _rows("math500")}
  rewrite = getattr(gold_rewritings, name)
  assert sum(rewrite(gold) != gold for gold in golds) > CHANGED_BY[name]


def test_changed_golds_are_wrong(grader):
  right, fewest = [], 1000
  for gold in sorted({gold for gold, _ in _rows("math500")}):
    copies = list(gold_mutations.of(gold))
    fewest = min(fewest, len(copies))
    right += [(gold, *copy) for copy in copies if grader.grade(gold, copy[1])]
  assert right == []
  assert fewest >= 20


def test_golds_do_not_depend_on_what_a_percent_is():
  with tasks.Grader(percent="value") as grader:
    for gold, solution in _rows("math500"):
      assert grader.grade(gold, tasks.extract_answer(solution)), gold


def test_answers_that_users_reported(grader):
  path = SHARED / "trials" / "grading.jsonl"
  if not path.is_file():
    pytest.skip(f"no trials at {path}")
  rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
  assert rows
  wrong = [
    row
    for row in rows
    if grader.grade(row["gold"], row["answer"]) != row["right"]
  ]
  assert wrong == []
