"""Solutions that a policy has drawn, from the records of a sweep, as tokens."""

import bisect
import dataclasses
import datetime
import json
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import transformers

from inference_scaling import json_lines, tasks
from inference_scaling.spec import record as record_lib

_AGAIN = "Run the sweep of config.draws again."


@dataclasses.dataclass(frozen=True)
class Solution:
  """One drawn solution.

  Attributes:
    tokens: ids of the policy, the end of the text among them where it was
      written.
    ends: indices in `tokens` of the last token of each step.
    correct: whether its answer is.
  """

  tokens: tuple[int, ...]
  ends: tuple[int, ...]
  correct: bool


@dataclasses.dataclass(frozen=True)
class Problem:
  """A problem with its solutions.

  Attributes:
    id: of the problem in its sweep.
    prompt: token ids.
    solutions: those with an answer that could be graded.
  """

  id: int
  prompt: tuple[int, ...]
  solutions: tuple[Solution, ...]


def read_config(folder: str | pathlib.Path) -> dict[str, Any]:
  """Reads what the sweep in a folder was.

  Args:
    folder: of a sweep.

  Returns:
    The content of its config.json.

  Raises:
    FileNotFoundError: where there is none.
    ValueError: where it is not that of a sweep.
  """
  path = pathlib.Path(folder) / "config.json"
  if not path.is_file():
    raise FileNotFoundError(
      f"config.draws is {folder}, but there is no {path}; expected the folder "
      "of a sweep with drawn solutions. Run the sweep first."
    )
  try:
    content = json.loads(path.read_text("utf-8"))
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}. {_AGAIN}") from error
  if not isinstance(content, dict) or "config" not in content:
    raise ValueError(f"{path} is not the config.json of a sweep. {_AGAIN}")
  return content


def read(
  folder: str | pathlib.Path,
  policy: str,
  tokenizer: transformers.PreTrainedTokenizerFast,
  step_end: Sequence[str],
) -> list[Problem]:
  """Reads the solutions of a policy and encodes them.

  A record holds texts; the end of the text is added where the record counts a
  token more than the text has. A text that was drawn in other tokens than the
  tokenizer would choose is read in the tokenizer's. Steps are those of the
  search to come: solutions may have been drawn whole, which is faster.

  Args:
    folder: of a sweep whose candidates are drawn, not searched.
    policy: its name in the sweep.
    tokenizer: of the policy.
    step_end: texts that end a step; the end of a solution always does.

  Returns:
    Problems in the order of their ids.

  Raises:
    FileNotFoundError: where there is no such sweep.
    ValueError: where it has no solutions of the policy, or not one correct and
      one wrong among them.
  """
  content = read_config(folder)
  prompt, started = content["config"]["prompt"], content.get("started")
  date = datetime.date.fromisoformat(started) if started else None
  path = pathlib.Path(folder) / "records.jsonl"
  if not path.is_file():
    raise FileNotFoundError(f"{path} does not exist. {_AGAIN}")
  problems: dict[int, Problem] = {}
  for number, value in json_lines.read(path):
    record = record_lib.parse(value, f"{path}, line {number}")
    if record.run.policy != policy:
      continue
    question = record.problem.question
    drawn = tuple(_solutions(value, tokenizer, step_end))
    known = problems.get(record.problem.id)
    if known is not None:  # of another strategy or seed
      drawn = known.solutions + drawn
    tokens = (
      known.prompt
      if known is not None
      else tuple(tasks.make_prompt(prompt, question, tokenizer, date))
    )
    problems[record.problem.id] = Problem(record.problem.id, tokens, drawn)
  kept = [problems[i] for i in sorted(problems) if problems[i].solutions]
  _check(kept, path, policy)
  return kept


def hold_out(
  problems: Sequence[Problem], share: float, seed: int
) -> tuple[list[Problem], list[Problem]]:
  """Splits problems in two; all solutions of one are on one side.

  Args:
    problems: all of them.
    share: of problems that are held out, between 0 and 1.
    seed: of the choice.

  Returns:
    Those to learn from, and those held out.

  Raises:
    ValueError: where one side would lack correct or wrong solutions.
  """
  count = round(share * len(problems))
  order = np.random.default_rng(seed).permutation(len(problems))
  chosen = set(order[:count].tolist())
  sides = [
    [p for i, p in enumerate(problems) if (i in chosen) == held]
    for held in (False, True)
  ]
  for name, side in zip(("learned from", "held out"), sides, strict=True):
    if len(labels(side)) != 2:
      raise ValueError(
        f"of {len(problems)} problems {len(side)} are {name}, and their "
        "solutions are not both correct and wrong; expected both. Draw "
        "solutions of more problems, or change config.held_out."
      )
  return sides[0], sides[1]


def labels(problems: Sequence[Problem]) -> set[bool]:
  """Which labels the solutions have, True for a correct one."""
  return {solution.correct for p in problems for solution in p.solutions}


def _solutions(
  record: Mapping[str, Any],
  tokenizer: transformers.PreTrainedTokenizerFast,
  step_end: Sequence[str],
) -> Iterator[Solution]:
  """Yields the graded candidates of a record, encoded."""
  texts, counts = record["tree"]["texts"], record["tree"]["tokens"]
  for candidate in record["candidates"]:
    if candidate["correct"] is None:
      continue
    text = "".join(texts[node] for node in candidate["path"])
    encoded = tokenizer(
      text, add_special_tokens=False, return_offsets_mapping=True
    )
    tokens = list(encoded["input_ids"])
    stops = [stop for _, stop in encoded["offset_mapping"]]
    ends = {
      bisect.bisect_left(stops, match.end())
      for end in step_end
      for match in re.finditer(re.escape(end), text)
    }
    written = sum(counts[node] for node in candidate["path"])
    if len(tokens) + 1 == written:
      tokens.append(tokenizer.eos_token_id)
    if tokens:
      ends.add(len(tokens) - 1)
      correct = bool(candidate["correct"])
      yield Solution(tuple(tokens), tuple(sorted(ends)), correct)


def _check(problems: Sequence[Problem], path: pathlib.Path, policy: str):
  """Raises where there is nothing to tell apart."""
  if not problems:
    raise ValueError(
      f"{path} has no graded solutions of policy {policy!r}; expected those of "
      "a sweep of this policy. See config.policy."
    )
  known = labels(problems)
  if len(known) != 2:
    lacking = "wrong" if True in known else "correct"
    count = sum(len(problem.solutions) for problem in problems)
    raise ValueError(
      f"{path} has {count} solutions of policy {policy!r}, and not one of them "
      f"is {lacking}; expected some correct and some wrong ones. Draw more, or "
      "of other problems."
    )
