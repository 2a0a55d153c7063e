"""Reads candidates and the tree, as JSON data, out of a finished search.

A node is one step of the tree; see search/trace.py for what counts as one.

Axis letters: J rounds, N slots, M nodes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import transformers

from inference_scaling import names, outcomes, search, tasks
from inference_scaling.search import base, trace

Grade = Callable[[str | None], bool | None]


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
  decoded apart need not join to the same text. Only one that is finished has an
  answer, and the others abstain: they end before the step that states the
  answer does, so that what stands there may be the first half of a number.

  Args:
    tree: of one problem (fields [J, N, ...]), in NumPy.
    tokenizer: of the policy.
    grade: says of a canonical answer, or None, whether it is right.
    rewarded: whether the scores are rewards; `step_scores` are empty if not.
    step_end: what ends a step. One that holds nothing else, or only the end of
      the text, is no step to a reward model, and has no score.

  Returns:
    The `candidates` of a record, those of `search.list_candidates`. There may
    be none.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  steps = _tokens(tree, nodes)
  found = trace.list_candidates(tree, nodes)
  texts = _decode(
    tokenizer, [[t for i in one.path for t in steps[i]] for one in found]
  )
  scores = tree.scores[nodes.rounds, nodes.slots]
  written = _written(tokenizer, steps, step_end) if rewarded else []
  candidates = []
  for (status, path), text in zip(found, texts, strict=True):
    answer = canonical_answer(text) if status == base.FINISHED else None
    read = [i for i in path if written[i]] or path[-1:] if rewarded else []
    candidates.append(
      {
        "text": text,
        "answer": answer,
        "correct": grade(answer),
        "status": names.STEP_STATUSES[status],
        "step_scores": [float(scores[i]) for i in read],
        "tokens": sum(len(steps[i]) for i in path),
        "path": path,
      }
    )
  return candidates


def _written(
  tokenizer: transformers.PreTrainedTokenizerFast,
  steps: Sequence[Sequence[int]],
  step_end: Sequence[str],
) -> list[bool]:
  """Whether each step has any text but what ends a step."""
  texts = _decode_distinct(tokenizer, steps)
  for end in step_end:
    texts = [text.replace(end, " ") for text in texts]
  return [bool(text.strip()) for text in texts]


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
    The `tree` of a record, see `outcomes.tree_columns`. Texts are those of
    single steps, and for some tokenizers differ in spaces from the candidates'.
  """
  nodes = trace.list_nodes(tree.parents, tree.active)
  texts = _decode_distinct(tokenizer, _tokens(tree, nodes))
  return outcomes.tree_columns(tree, nodes, texts, rewarded)


def _tokens(tree: search.Tree, nodes: trace.Nodes) -> list[tuple[int, ...]]:
  """Token ids of each node, without the padding."""
  content = tree.contents
  return [
    tuple(content.tokens[at][: content.lengths[at]].tolist())
    for at in zip(nodes.rounds, nodes.slots, strict=True)
  ]


def _decode_distinct(
  tokenizer: transformers.PreTrainedTokenizerFast,
  steps: Sequence[tuple[int, ...]],
) -> list[str]:
  """Texts of steps; equal steps are decoded once."""
  distinct = sorted(set(steps))
  texts = dict(zip(distinct, _decode(tokenizer, distinct), strict=True))
  return [texts[step] for step in steps]


def _decode(
  tokenizer: transformers.PreTrainedTokenizerFast,
  sequences: Sequence[Sequence[int]],
) -> list[str]:
  """Decodes several texts in one call; special tokens are left out."""
  if not sequences:
    return []
  rows = [list(tokens) for tokens in sequences]
  return tokenizer.batch_decode(rows, skip_special_tokens=True)
