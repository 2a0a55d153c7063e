"""Reads candidates and the tree, as JSON data, out of a finished search.

A node is one step of the tree; see search/trace.py for what counts as one.

Axis letters: J rounds, N slots, M nodes.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from inference_scaling import confidence as confidence_lib
from inference_scaling import names, outcomes, search, spec, tasks, voting
from inference_scaling.search import base, trace
from inference_scaling.spec import record
from inference_scaling.sweep.records import step_texts

Grade = Callable[[str | None], bool | None]
# Of the texts of finished solutions, in their order.
Answers = Callable[[Sequence[str]], Sequence[str | None]]


def make_candidates(
  tree: search.Tree,
  texts: step_texts.Texts,
  grade: Grade,
  *,
  rewarded: bool = True,
  options: Sequence[str] = (),
  answers: Answers | None = None,
) -> list[dict[str, Any]]:
  """Lists the candidates of one problem, by final slot.

  Only one that is finished has an answer, and the others abstain: they end
  before the step that states the answer does, so that a number in
  their texts may be cut in half. Of a policy that thinks, an answer is read
  behind its thinking alone: one that has not ended it has none.

  Args:
    tree: of one problem (fields [J, N, ...]), in NumPy.
    texts: reads the policy's steps.
    grade: says of a canonical answer, or None, whether it is right.
    rewarded: whether the scores are rewards; `step_scores` are empty if not.
    options: of the problem, whose letters are then the answers.
    answers: reads the answers of finished solutions; None for what they state.

  Returns:
    The `candidates` of a record, those of `search.list_candidates`. There may
    be none.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  candidates = trace.list_candidates(tree, nodes)
  paths = [candidate.path for candidate in candidates]
  whole = texts.solutions(tree, nodes, paths)
  solutions = texts.answers(tree, nodes, paths)
  thinking = texts.thinking(tree, nodes, paths)
  at = nodes.rounds, nodes.slots
  scores, tokens = tree.scores[at], tree.num_tokens[at]
  scored = texts.scored(tree, nodes) if rewarded else []
  finished = [
    text
    for (status, _), text in zip(candidates, solutions, strict=True)
    if status == base.FINISHED
  ]
  said = iter(_read_answers(finished, options, answers))
  rows = []
  for status, path in candidates:
    answer = next(said) if status == base.FINISHED else None
    read = [i for i in path if scored[i]] or path[-1:] if rewarded else []
    candidate = record.Candidate(
      text=whole[len(rows)],
      answer=answer,
      correct=grade(answer),
      status=names.STEP_STATUSES[status],
      step_scores=[float(scores[i]) for i in read],
      tokens=sum(int(tokens[i]) for i in path),
      path=path,
      thinking_tokens=thinking[len(rows)],
    )
    rows.append(record.to_json(candidate))
  return rows


def of_full_groups(
  candidates: list[dict[str, Any]], tree: search.Tree
) -> list[dict[str, Any]]:
  """Leaves out scores of steps before the first full group of tokens.

  Args:
    candidates: of `make_candidates`, scored by `decoding.GroupConfidence`.
    tree: of one problem, in NumPy.

  Returns:
    The candidates, with the scores of all other steps, whether these have a
    text or not; one without a full group keeps its last score, 0.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  rows = []
  for candidate in candidates:
    path = candidate["path"]
    scores = tree.scores[nodes.rounds[path], nodes.slots[path]].tolist()
    full = list(filter(None, scores)) or scores[-1:]
    rows.append({**candidate, "step_scores": full})
  return rows


def with_confidence(
  candidates: list[dict[str, Any]],
  tree: search.Tree,
  settings: spec.Confidence,
) -> list[dict[str, Any]]:
  """Adds to candidates how sure the policy was of their tokens.

  Args:
    candidates: of `make_candidates`.
    tree: of one problem, in NumPy, whose contents are `decoding.StepTokens`
      with statistics of every token.
    settings: with a window.

  Returns:
    The candidates of a record.

  Raises:
    ValueError: for a number that is not finite.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  steps, lengths = tree.contents.by_token, tree.contents.lengths
  tables = {
    names.TOKEN_CONFIDENCE: steps.confidence,
    names.SELF_CERTAINTY: steps.certainty,
    names.LIKELIHOOD: steps.log_probs,
  }
  rows = []
  for candidate in candidates:
    at = [(nodes.rounds[i], nodes.slots[i]) for i in candidate["path"]]
    said = {
      measure: _statistics(
        measure,
        np.concatenate([table[step][: lengths[step]] for step in at]),
        settings,
      )
      for measure, table in tables.items()
    }
    rows.append({**candidate, "confidence": said})
  return rows


def _statistics(
  measure: str, values: np.ndarray, settings: spec.Confidence
) -> dict[str, float]:
  """Statistics of one number of each token; of probabilities geometric ones."""
  if not np.isfinite(values).all():
    raise ValueError(
      f"the {measure} of a token is {values[~np.isfinite(values)][0]}, since "
      "the policy gives some token the probability 0; expected finite numbers. "
      "Set config.confidence.window to 0."
    )
  said = confidence_lib.statistics(values, settings.window, settings.tail)
  if measure == names.LIKELIHOOD:
    said = {key: math.exp(value) for key, value in said.items()}
  return said


def canonical_answer(text: str, options: Sequence[str] = ()) -> str | None:
  """The answer that a text states, in canonical spelling; None without one.

  Args:
    text: of a solution.
    options: of the problem, where the answer is the letter of one of them.

  Returns:
    A canonical text, or a letter.
  """
  if options:
    return tasks.extract_letter(text, options)
  answer = tasks.extract_answer(text)
  if answer is None:
    return None
  return tasks.canonical(answer) or None


def _read_answers(
  texts: Sequence[str], options: Sequence[str], answers: Answers | None
) -> Sequence[str | None]:
  """The answers of finished solutions."""
  if answers is not None:
    return answers(texts)
  return [canonical_answer(text, options) for text in texts]


def answer_classes(
  tree: search.Tree,
  texts: step_texts.Texts,
  options: Sequence[str] = (),
  answers: Answers | None = None,
) -> np.ndarray:
  """Numbers the answers of a problem's beams, as their votes will.

  Args:
    tree: of the problem (fields [J, N, ...]), in NumPy.
    texts: reads the policy's steps.
    options: of the problem, as for `make_candidates`.
    answers: likewise.

  Returns:
    int32[N], see `voting.class_ids`; only beams that are finished answer.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  finished = np.flatnonzero(trace.final_status(tree) == base.FINISHED)
  said: list[str | None] = [None] * len(nodes.last)
  solutions = texts.answers(
    tree, nodes, [nodes.path(nodes.last[slot]) for slot in finished]
  )
  read = _read_answers(solutions, options, answers)
  for slot, answer in zip(finished, read, strict=True):
    said[slot] = answer
  return voting.class_ids(said)


def make_tree(
  tree: search.Tree, texts: step_texts.Texts, *, rewarded: bool = True
) -> dict[str, Any]:
  """Turns the tree of one problem into JSON data.

  Args:
    tree: of one problem (fields [J, N, ...]), in NumPy.
    texts: reads the policy's steps.
    rewarded: whether the scores are rewards; `scores` is None if not.

  Returns:
    The `tree` of a record, see `outcomes.tree_columns`.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  return outcomes.tree_columns(tree, nodes, texts.steps(tree, nodes), rewarded)
