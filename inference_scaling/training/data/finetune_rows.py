"""Rows of the paper's training data: MetaMath and Math-Shepherd.

Both come as JSON lines (or one JSON array, as MetaMath is published), from a
file, from the hub, or made up from the synthetic benchmark for a check that
everything runs.
"""

import json
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import huggingface_hub
from absl import logging

from inference_scaling.tasks import synthetic

HUB, SYNTHETIC = "hub:", "synthetic:"
_TAG = synthetic.STEP_TAG
_ANSWER = re.compile(r"^The answer is:?\s*(?P<answer>.*\S)\s*$")
_NUMBER = re.compile(r"^Step \d+\s*[:.]\s*")


class Solved(NamedTuple):
  """A question with a solution in steps, to imitate."""

  question: str
  solution: str


class LabelledSolution(NamedTuple):
  """A question with steps and whether each is right.

  Attributes:
    question: without spaces around it.
    steps: texts without their tags.
    good: one label a step.
  """

  question: str
  steps: tuple[str, ...]
  good: tuple[bool, ...]


def solved_rows(source: str, types: Sequence[str] = ()) -> list[Solved]:
  """Reads MetaMath: fields `query`, `response` and, to choose by, `type`.

  Args:
    source: a file; "hub:owner/name:file" for a data set's file on the hub; or
      "synthetic:COUNT" for problems of the synthetic benchmark.
    types: beginnings of the types to keep, such as "GSM_"; none for all.

  Returns:
    The rows, in the file's order. Rows whose response does not close with
    "The answer is: ..." are left out, and their number is logged.

  Raises:
    FileNotFoundError: where there is no such file.
    ValueError: where a row has not these fields, or no row is left.
  """
  kept, unusable = [], 0
  for where, row in _rows(source, _synthetic_solved):
    query, response = _text(row, "query", where), _text(row, "response", where)
    if types and not _text(row, "type", where).startswith(tuple(types)):
      continue
    solution = in_steps(response)
    if solution is None:
      unusable += 1
    else:
      kept.append(Solved(query.strip(), solution))
  return _report(kept, unusable, source, "do not close with an answer")


def in_steps(response: str) -> str | None:
  """Writes a response of MetaMath in steps.

  Each line becomes a step, "Step 1: ... ки"; the line "The answer is: ..." is
  joined to the last one, as in Math-Shepherd, and a line "#### ...", which
  says the same, is left out.

  Args:
    response: text of lines.

  Returns:
    The solution, or None where it does not close with an answer.
  """
  lines = [line.strip() for line in response.strip().splitlines()]
  lines = [line for line in lines if line and not line.startswith("####")]
  match = _ANSWER.match(lines[-1]) if lines else None
  if match is None:
    return None
  steps = [_NUMBER.sub("", line) for line in lines[:-1]]
  answer = f"The answer is: {match['answer']}"
  steps = [*steps[:-1], f"{steps[-1]} {answer}"] if steps else [answer]
  return "\n".join(
    f"Step {index}: {text} {_TAG}" for index, text in enumerate(steps, 1)
  )


def labelled_rows(source: str) -> list[LabelledSolution]:
  """Reads Math-Shepherd: `input` with tags, `label` with + or - in their place.

  Args:
    source: as `solved_rows`.

  Returns:
    The rows, in the file's order. Rows without a tag, or whose two texts do
    not agree around the tags, are left out, and their number is logged.

  Raises:
    FileNotFoundError: where there is no such file.
    ValueError: where a row has not these fields, or no row is left.
  """
  kept, unusable = [], 0
  for where, row in _rows(source, _synthetic_labelled):
    labelled = read_labels(
      _text(row, "input", where), _text(row, "label", where)
    )
    if labelled is None:
      unusable += 1
    else:
      kept.append(labelled)
  return _report(kept, unusable, source, "have no labels at their tags")


def read_labels(text: str, label: str) -> LabelledSolution | None:
  """Reads the labels of one row of Math-Shepherd.

  Args:
    text: question and steps, each closed by the tag.
    label: the same with + or - in place of each tag.

  Returns:
    The row; None where the two do not line up.
  """
  pieces = text.split(_TAG)
  good, rest = [], label
  for piece in pieces[:-1]:
    sign = rest[len(piece) : len(piece) + 1]
    if not rest.startswith(piece) or sign not in ("+", "-"):
      return None
    good.append(sign == "+")
    rest = rest[len(piece) + 1 :]
  start = re.search(r"Step 1\s*[:.]", pieces[0])
  if rest.strip() or pieces[-1].strip() or not good or start is None:
    return None
  question = pieces[0][: start.start()].strip()
  steps = [pieces[0][start.start() :], *pieces[1:-1]]
  steps = tuple(step.strip() for step in steps)
  return LabelledSolution(question, steps, tuple(good)) if all(steps) else None


def _rows(
  source: str,
  make_synthetic: Callable[[synthetic.SyntheticProblem], dict[str, str]],
) -> Iterator[tuple[str, dict[str, Any]]]:
  """Yields rows, each with its file and line for errors."""
  if source.startswith(SYNTHETIC):
    count = _count(source)
    problems = synthetic.generate("train", count, seed=0)
    for problem in problems:
      yield f"{source}, problem {problem.id}", make_synthetic(problem)
    return
  path = _download(source) if source.startswith(HUB) else pathlib.Path(source)
  if not path.is_file():
    raise FileNotFoundError(
      f"no training data at {path}: expected a JSON-lines file, "
      f"'{HUB}owner/name:file' or '{SYNTHETIC}COUNT'."
    )
  text = _read(path)
  if text.lstrip().startswith("["):
    array = enumerate(_parse(text, str(path)), 1)
    located = ((f"{path}, row {i}", row) for i, row in array)
  else:
    located = (
      (f"{path}, line {i}", _parse(line, f"{path}, line {i}"))
      # Not splitlines: JSON may hold other line breaks as they are.
      for i, line in enumerate(text.split("\n"), 1)
      if line.strip()
    )
  for where, row in located:
    if not isinstance(row, dict):
      raise ValueError(f"{where}: {row!r}; expected a JSON object.")
    yield where, row


def _read(path: pathlib.Path) -> str:
  try:
    return path.read_text(encoding="utf-8-sig")
  except UnicodeDecodeError as error:
    line = error.object.count(b"\n", 0, error.start) + 1
    raise ValueError(
      f"{path}, line {line}: no UTF-8 text ({error.reason} at byte "
      f"{error.start}). Download the file again."
    ) from error


def _count(source: str) -> int:
  count = source.removeprefix(SYNTHETIC)
  if not count.isdecimal() or not int(count):
    raise ValueError(
      f"source is {source!r}; expected '{SYNTHETIC}' and a number of problems, "
      f"such as '{SYNTHETIC}72'."
    )
  return int(count)


def _parse(text: str, where: str) -> Any:
  try:
    return json.loads(text)
  except json.JSONDecodeError as error:
    raise ValueError(f"{where}: no valid JSON ({error}).") from error


def _download(source: str) -> pathlib.Path:
  """Fetches a file of a data set, or finds it in the hub's cache."""
  repo, _, name = source.removeprefix(HUB).partition(":")
  if not repo or not name:
    raise ValueError(
      f"source is {source!r}; expected '{HUB}owner/name:file', such as "
      f"'{HUB}meta-math/MetaMathQA:MetaMathQA-395K.json'."
    )
  try:
    path = huggingface_hub.hf_hub_download(repo, name, repo_type="dataset")
  except (OSError, ValueError) as error:
    raise FileNotFoundError(
      f"{name} of the data set {repo} is not in the hub's cache and cannot be "
      f"fetched ({error}). Go online, or give the path of a copy."
    ) from error
  return pathlib.Path(os.fspath(path))


def _text(row: dict[str, Any], name: str, where: str) -> str:
  value = row.get(name)
  if not isinstance(value, str) or not value.strip():
    raise ValueError(
      f"{where}: `{name}` is {value!r}; expected a text that is not empty "
      f"(fields: {', '.join(sorted(row)) or 'none'})."
    )
  return value


def _report(kept: list, unusable: int, source: str, why: str) -> list:
  if unusable:
    logging.warning("%s: %d rows %s; left out.", source, unusable, why)
  if not kept:
    raise ValueError(f"{source} has no usable row: {unusable} {why}.")
  logging.info("%s: %d rows.", source, len(kept))
  return kept


def _synthetic_solved(problem: synthetic.SyntheticProblem) -> dict[str, str]:
  """A row as MetaMath has it."""
  steps = [_NUMBER.sub("", step) for step in problem.steps]
  text = "\n".join(step.removesuffix(f" {_TAG}") for step in steps)
  text = text.replace(
    " The answer is:", f"\n#### {problem.gold}\nThe answer is:"
  )
  return {"query": problem.question, "response": text, "type": "GSM_AnsAug"}


def _synthetic_labelled(problem: synthetic.SyntheticProblem) -> dict[str, str]:
  """A row as Math-Shepherd has it; every other solution errs at some step."""
  steps, wrong = list(problem.steps), len(problem.steps)
  if problem.id % 2:
    wrong = problem.id // 2 % len(steps)
    result = str(problem.operations[wrong].result)
    steps[wrong] = steps[wrong].replace(f"= {result}", f"= {result}1")
  signs = ["+" if index < wrong else "-" for index in range(len(steps))]
  label = [
    step.removesuffix(_TAG) + sign
    for step, sign in zip(steps, signs, strict=True)
  ]
  start = f"{problem.question} "
  return {"input": start + "\n".join(steps), "label": start + "\n".join(label)}
