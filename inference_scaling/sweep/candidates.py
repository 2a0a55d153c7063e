"""Reads candidates and the tree, as JSON data, out of a finished search.

Axis letters: J depths, N beams, C tokens of a step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import transformers

from inference_scaling import search, tasks
from inference_scaling.search import base, trace

STATUS = {
  base.RUNNING: "running",
  base.FINISHED: "finished",
  base.TRUNCATED: "truncated",
}

Grade = Callable[[str | None], bool | None]
Node = tuple[int, int]  # depth, slot


def make_candidates(
  tree: search.Tree,
  tokenizer: transformers.PreTrainedTokenizerFast,
  grade: Grade,
  *,
  rewarded: bool = True,
  step_end: Sequence[str] = (),
) -> list[dict[str, Any]]:
  """Lists the candidates of one problem, by final slot.

  A candidate's text is decoded from all of its tokens at once, because tokens
  decoded apart need not join to the same text. A truncated one abstains: its
  beam ended before the step that states the answer did, so that what stands
  there may be the first half of a number.

  Args:
    tree: of one problem (fields [J, N, ...]), in NumPy.
    tokenizer: of the policy.
    grade: says of a canonical answer, or None, whether it is right.
    rewarded: whether the scores are rewards; `step_scores` are empty if not.
    step_end: what ends a step. One that holds nothing else, or only the end of
      the text, is no step to a reward model, and has no score.

  Returns:
    The `candidates` of a record. Beams that their strategy dropped while they
    were running are no candidates.
  """
  paths = trace.candidate_paths(tree.parents, tree.active)
  status = trace.final_status(tree)
  kept = [i for i in range(len(paths)) if status[i] != base.RUNNING]
  texts = _decode(
    tokenizer,
    [[t for node in paths[i] for t in _tokens(tree, node)] for i in kept],
  )
  candidates = []
  for i, text in zip(kept, texts, strict=True):
    answer = None
    if status[i] == base.FINISHED:
      answer = canonical_answer(text)
    nodes = paths[i]
    candidates.append(
      {
        "text": text,
        "answer": answer,
        "correct": grade(answer),
        "status": STATUS[int(status[i])],
        "step_scores": _step_scores(tree, nodes, tokenizer, step_end)
        if rewarded
        else [],
        "tokens": sum(int(tree.num_tokens[node]) for node in nodes),
        "path": [slot for _, slot in nodes],
      }
    )
  return candidates


def _step_scores(
  tree: search.Tree,
  nodes: Sequence[Node],
  tokenizer: transformers.PreTrainedTokenizerFast,
  step_end: Sequence[str],
) -> list[float]:
  """Scores of the steps that have any text; of the last where none has."""
  texts = _decode(tokenizer, [_tokens(tree, node) for node in nodes])
  for end in step_end:
    texts = [text.replace(end, " ") for text in texts]
  written = [
    node for node, text in zip(nodes, texts, strict=True) if text.strip()
  ]
  return [float(tree.scores[node]) for node in written or nodes[-1:]]


def canonical_answer(text: str) -> str | None:
  """The answer that a text states, in canonical spelling; None without one."""
  answer = tasks.extract_answer(text)
  if answer is None:
    return None
  return tasks.canonical(answer) or None


def make_tree(
  tree: search.Tree,
  tokenizer: transformers.PreTrainedTokenizerFast,
  *,
  rewarded: bool = True,
) -> dict[str, Any]:
  """Turns the tree of one problem into JSON data.

  Args:
    tree: of one problem (fields [J, N, ...]), in NumPy.
    tokenizer: of the policy.
    rewarded: whether the scores are rewards; `scores` is None if not.

  Returns:
    The `tree` of a record: lists by depth and slot, of the depths reached.
    Texts are None where no step was made; they are those of single steps, and
    for some tokenizers differ in spaces from the candidates' texts.
  """
  depths = int(np.count_nonzero(tree.active.any(axis=1)))
  widths = trace.child_widths(tree.parents, tree.active)
  return {
    "parents": tree.parents[:depths].tolist(),
    "active": tree.active[:depths].tolist(),
    "widths": widths[:depths].tolist(),
    "scores": tree.scores[:depths].tolist() if rewarded else None,
    "status": tree.status[:depths].tolist(),
    "tokens": tree.num_tokens[:depths].tolist(),
    "texts": _step_texts(tree, depths, tokenizer),
  }


def _step_texts(
  tree: search.Tree,
  depths: int,
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> list[list[str | None]]:
  """Texts of all steps; equal steps are decoded once."""
  steps: list[list[tuple[int, ...] | None]] = [
    [
      tuple(_tokens(tree, (depth, slot))) if active else None
      for slot, active in enumerate(row)
    ]
    for depth, row in enumerate(tree.active[:depths])
  ]
  distinct = sorted({step for row in steps for step in row if step is not None})
  texts: dict[tuple[int, ...] | None, str | None] = dict(
    zip(distinct, _decode(tokenizer, distinct), strict=True)
  )
  texts[None] = None
  return [[texts[step] for step in row] for row in steps]


def _tokens(tree: search.Tree, node: Node) -> list[int]:
  """Token ids of one step, without the padding."""
  content = tree.contents
  return content.tokens[node][: content.lengths[node]].tolist()


def _decode(
  tokenizer: transformers.PreTrainedTokenizerFast,
  sequences: Sequence[Sequence[int]],
) -> list[str]:
  """Decodes several texts in one call; special tokens are left out."""
  if not sequences:
    return []
  rows = [list(tokens) for tokens in sequences]
  return tokenizer.batch_decode(rows, skip_special_tokens=True)
