"""Reads candidates and the tree, as JSON data, out of a finished search.

A node is one step of the tree; see search/trace.py for what counts as one.

Axis letters: J rounds, N slots, M nodes.
"""

from collections.abc import Callable
from typing import Any

from inference_scaling import names, outcomes, search, tasks
from inference_scaling.search import base, trace
from inference_scaling.spec import record
from inference_scaling.sweep.records import step_texts

Grade = Callable[[str | None], bool | None]


def make_candidates(
  tree: search.Tree,
  texts: step_texts.Texts,
  grade: Grade,
  *,
  rewarded: bool = True,
) -> list[dict[str, Any]]:
  """Lists the candidates of one problem, by final slot.

  Only one that is finished has an answer, and the others abstain: they end
  before the step that states the answer does, so that a number in
  their texts may be cut in half.

  Args:
    tree: of one problem (fields [J, N, ...]), in NumPy.
    texts: reads the policy's steps.
    grade: says of a canonical answer, or None, whether it is right.
    rewarded: whether the scores are rewards; `step_scores` are empty if not.

  Returns:
    The `candidates` of a record, those of `search.list_candidates`. There may
    be none.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  candidates = trace.list_candidates(tree, nodes)
  solutions = texts.solutions(
    tree, nodes, [candidate.path for candidate in candidates]
  )
  at = nodes.rounds, nodes.slots
  scores, tokens = tree.scores[at], tree.num_tokens[at]
  scored = texts.scored(tree, nodes) if rewarded else []
  rows = []
  for (status, path), text in zip(candidates, solutions, strict=True):
    answer = canonical_answer(text) if status == base.FINISHED else None
    read = [i for i in path if scored[i]] or path[-1:] if rewarded else []
    candidate = record.Candidate(
      text=text,
      answer=answer,
      correct=grade(answer),
      status=names.STEP_STATUSES[status],
      step_scores=[float(scores[i]) for i in read],
      tokens=sum(int(tokens[i]) for i in path),
      path=path,
    )
    rows.append(record.to_json(candidate))
  return rows


def canonical_answer(text: str) -> str | None:
  """The answer that a text states, in canonical spelling; None without one."""
  answer = tasks.extract_answer(text)
  if answer is None:
    return None
  return tasks.canonical(answer) or None


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
