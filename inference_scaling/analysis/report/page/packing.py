"""The records of a problem in few bytes, for a script to draw them.

A text that several candidates share stands once, rewards have four figures, and
what follows from the tree is left out. Positions in trees are those of
`trees.layout`.
"""

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any

from inference_scaling.analysis.trees import layout
from inference_scaling.spec import record as record_lib

_COLUMNS = ("depths", "rounds", "widths", "status", "tokens", "texts")


def pack(content: Any) -> str:
  """Makes a text of few ASCII characters: base64 of deflated JSON."""
  text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
  # A text of a model may hold halves of characters, which UTF-8 has not.
  data = zlib.compress(text.encode("utf-8", "replace"), 9)
  return base64.b64encode(data).decode("ascii")


def compact(
  records: Iterable[tuple[int, record_lib.Record]],
) -> dict[str, Any]:
  """Makes JSON data of the records of one problem.

  Args:
    records: each with the number of its run.

  Returns:
    The data; see record.js, which reads them.
  """
  texts: dict[str, int] = {}

  def number(text: str) -> int:
    return texts.setdefault(text, len(texts))

  made = []
  for run, record in records:
    tree = _tree(record)
    if tree is not None:
      tree["texts"] = list(map(number, tree["texts"]))
    ledger = record_lib.to_json(record.ledger)
    made.append(
      {
        "run": run,
        "tree": tree,
        "candidates": [
          _candidate(each, record.tree if tree else None, number)
          for each in record.candidates
        ],
        "votes": {
          name: [vote.answer, vote.correct]
          for name, vote in record.votes.items()
        },
        "ledger": {k: v for k, v in ledger.items() if v is not None},
      }
    )
  return {"texts": list(texts), "records": made}


def _tree(record: record_lib.Record) -> dict[str, Any] | None:
  """Columns of a tree with its rows; None for one that cannot be drawn."""
  if not _is_whole(record):
    return None
  tree = record.tree
  kept = {
    node.number: round(node.row, 3)
    for node in layout.place_nodes(record, kept_only=True)
  }
  return {
    "parents": tree.parents,
    **{name: getattr(tree, name) for name in _COLUMNS},
    "scores": None if tree.scores is None else _short(tree.scores),
    "rows": [round(node.row, 3) for node in layout.place_nodes(record)],
    "kept": [kept.get(number) for number in range(len(tree.texts or ()))],
  }


def _is_whole(record: record_lib.Record) -> bool:
  """Whether a record has a tree that lists its steps by node.

  Those of older versions lack it, or list them by round.
  """
  tree = record.tree
  columns = [getattr(tree, name) for name in _COLUMNS]
  if tree.parents is None or None in columns:
    return False
  size = len(tree.parents)
  lengths = {len(column) for column in (*columns, tree.scores or tree.parents)}
  return (
    lengths == {size}
    and all(p is None or 0 <= p < i for i, p in enumerate(tree.parents))
    and all(c.path and max(c.path) < size for c in record.candidates)
  )


def _candidate(
  candidate: record_lib.Candidate, tree: record_lib.Tree | None, number: Any
) -> list[Any]:
  """Answer, verdict, end, tokens, path; rewards and text where they differ."""
  scores: list | None = _short(candidate.step_scores)
  text: str | None = candidate.text
  if tree is not None:
    steps = layout.column(tree, "texts")
    own = [tree.scores[node] for node in candidate.path] if tree.scores else []
    scores = None if scores == _short(own) else scores
    if text == "".join(steps[node] for node in candidate.path):
      text = None
  return [
    candidate.answer,
    candidate.correct,
    candidate.status,
    candidate.tokens,
    candidate.path if tree is not None else [],
    scores,
    None if text is None else number(text),
  ]


def _short(scores: Iterable[float]) -> list[float]:
  return [float(f"{score:.4g}") for score in scores]
