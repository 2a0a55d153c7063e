"""From the final state of a search to its answers, problem by problem.

Axis letters: P problems, N candidates, J steps, M nodes of a tree.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from inference_scaling import names, search, voting
from inference_scaling.search import trace

Answer = str | int | None


@dataclasses.dataclass(frozen=True)
class Candidate:
  """One solution, whole or in part.

  Attributes:
    status: how it ended, one of `names.STATUSES`.
    steps: the `Step.content` of each of its steps, from the first on: pytrees
      of NumPy arrays, without the axes [P, N], padded as the policy pads them.
    scores: the reward after each step.
    num_tokens: tokens of all its steps.
    path: numbers of its nodes in the tree; steps that candidates share have
      one number.
    answer: what it says; None for one that abstains.
  """

  status: str
  steps: tuple[Any, ...]
  scores: tuple[float, ...]
  num_tokens: int
  path: tuple[int, ...]
  answer: Answer = None


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What the search of one problem came to.

  Attributes:
    candidates: by final beam; there may be none, and several may be equal.
    votes: the answers that win, None where all abstain: "majority", and
      "best_of_n/HOW" and "weighted/HOW" for each aggregation of rewards.
    generated: tokens of all steps of the tree; those of a look-ahead are in no
      tree, and only the policy can count them.
    discarded: those of them that are in no candidate.
    tree: the tree, of NumPy arrays [J, N, ...].
  """

  candidates: tuple[Candidate, ...]
  votes: dict[str, Answer]
  generated: int
  discarded: int
  tree: search.Tree

  def record(
    self,
    text: Callable[[Any], str],
    *,
    question: str = "",
    gold: str = "",
    policy: str = "policy",
    strategy: str = "search",
    number: int = 0,
    seed: int = 0,
  ) -> dict[str, Any]:
    """The outcome as JSON data, for `analysis.trees.page.write_tree`.

    Args:
      text: makes the text of a step out of its content.
      question: of the problem.
      gold: its right answer, where it is known.
      policy: name of the policy.
      strategy: name of the strategy.
      number: of the problem.
      seed: of its key.

    Returns:
      A record, with what can be known without the models: no FLOPs and no
      tokens of prompts.
    """
    nodes = trace.list_nodes(
      np.asarray(self.tree.parents), np.asarray(self.tree.active)
    )
    texts = [
      text(_content(self.tree, nodes, i)) for i in range(len(nodes.slots))
    ]
    rewarded = len(self.votes) > 1

    def graded(answer: Answer) -> dict[str, Any]:
      text = None if answer is None else str(answer)
      return {"answer": text, "correct": text == gold if gold else None}

    return {
      "run": {
        "policy": policy, "strategy": strategy, "seed": seed,
        "n": self.tree.active.shape[1],
      },
      "problem": {
        "id": number, "question": question, "gold": gold, "level": 0
      },
      "candidates": [
        {
          "text": "".join(texts[i] for i in candidate.path),
          "status": candidate.status,
          "step_scores": list(candidate.scores) if rewarded else [],
          "tokens": candidate.num_tokens,
          "path": list(candidate.path),
          **graded(candidate.answer),
        }
        for candidate in self.candidates
      ],
      "tree": tree_columns(self.tree, nodes, texts, rewarded),
      "votes": {name: graded(answer) for name, answer in self.votes.items()},
      "ledger": {
        "policy_decode": self.generated, "policy_discarded": self.discarded
      },
    }  # fmt: skip


def read_outcomes(
  state: search.SearchState,
  answer: Callable[[Candidate], Answer],
  *,
  aggregations: Sequence[str] = names.AGGREGATIONS,
) -> list[Outcome]:
  """Reads candidates, votes and token counts out of a finished search.

  Args:
    state: the final one, of P problems.
    answer: what a candidate says, as a canonical text or the number of a class;
      None abstains. It is called for finished candidates only: the others end
      before their answer does, and abstain.
    aggregations: how the rewards of steps become one, of
      `names.AGGREGATIONS`; none where the reward says nothing.

  Returns:
    An Outcome for each problem.

  Raises:
    ValueError: if a problem is not done, or answers are of different types.
  """
  open_problems = np.flatnonzero(~np.asarray(search.is_done(state)))
  if open_problems.size:
    raise ValueError(
      f"read_outcomes: problem {open_problems[0]} still has active beams, "
      "expected the final state: take search_step until search.is_done, or use "
      "search.run_search"
    )
  trees = jax.tree.map(np.asarray, jax.device_get(state.tree))
  return [
    _read(jax.tree.map(lambda leaf, p=p: leaf[p], trees), answer, aggregations)
    for p in range(state.depth.shape[0])
  ]


def tree_columns(
  tree: search.Tree,
  nodes: search.Nodes,
  texts: Sequence[str],
  rewarded: bool,
) -> dict[str, Any]:
  """The tree of one problem as JSON data.

  Args:
    tree: of one problem, in NumPy.
    nodes: its nodes.
    texts: of the nodes' steps.
    rewarded: whether the scores are rewards; `scores` is None if not.

  Returns:
    The `tree` of a record: columns by node, in the order of (round, slot), so
    that parents come before their children. `parents` are numbers of nodes,
    None for first steps; `depths` count steps of the text and `rounds` those of
    the search, from 0 on; `widths` count children.
  """
  index = nodes.rounds, nodes.slots
  return {
    "parents": [
      None if parent == trace.NO_NODE else parent
      for parent in nodes.parents.tolist()
    ],
    "depths": nodes.depths.tolist(),
    "rounds": nodes.rounds.tolist(),
    "widths": nodes.widths.tolist(),
    "scores": tree.scores[index].tolist() if rewarded else None,
    "status": tree.status[index].tolist(),
    "tokens": tree.num_tokens[index].tolist(),
    "texts": list(texts),
  }


def _read(
  tree: Any,
  answer: Callable[[Candidate], Answer],
  aggregations: Sequence[str],
) -> Outcome:
  """The outcome of one problem, of a tree of NumPy arrays."""
  nodes = trace.list_nodes(tree.parents, tree.active)
  candidates = [
    _candidate(tree, nodes, traced, answer)
    for traced in trace.list_candidates(tree, nodes)
  ]
  generated = int(tree.num_tokens.sum())
  return Outcome(
    candidates=tuple(candidates),
    votes=_votes(candidates, aggregations),
    generated=generated,
    discarded=generated - search.candidate_tokens(tree),
    tree=tree,
  )


def _content(tree: search.Tree, nodes: search.Nodes, node: int) -> Any:
  """The content of the step of a node."""
  index = nodes.rounds[node], nodes.slots[node]
  return jax.tree.map(lambda leaf: leaf[index], tree.contents)


def _candidate(
  tree: Any,
  nodes: search.Nodes,
  traced: trace.Candidate,
  answer: Callable[[Candidate], Answer],
) -> Candidate:
  index = nodes.rounds[traced.path], nodes.slots[traced.path]
  candidate = Candidate(
    status=names.STEP_STATUSES[traced.status],
    steps=tuple(_content(tree, nodes, node) for node in traced.path),
    scores=tuple(tree.scores[index].tolist()),
    num_tokens=int(tree.num_tokens[index].sum()),
    path=tuple(traced.path),
  )
  if traced.status != search.FINISHED:
    return candidate
  return dataclasses.replace(candidate, answer=_plain(answer(candidate)))


def _plain(answer: Any) -> Answer:
  """An answer as Python's own text or number."""
  if isinstance(answer, (np.ndarray, np.generic, jax.Array)):
    answer = answer.item() if answer.ndim == 0 else answer
  if answer is not None and (
    not isinstance(answer, (str, int)) or isinstance(answer, bool)
  ):
    raise ValueError(
      f"read_outcomes: an answer is a {type(answer).__name__}, expected a "
      "text, a whole number or None; give it in one spelling, such as "
      "str(answer)"
    )
  return answer


def _votes(
  candidates: Sequence[Candidate], aggregations: Sequence[str]
) -> dict[str, Answer]:
  """All votes over the candidates of a problem."""
  answers = [candidate.answer for candidate in candidates]
  kinds = {type(answer) for answer in answers if answer is not None}
  if len(kinds) > 1:
    raise ValueError(
      "read_outcomes: some answers are texts and some numbers, expected one of "
      "both"
    )
  ids = voting.class_ids(answers)
  texts: Mapping[int, Answer] = dict(zip(ids.tolist(), answers, strict=True))
  table = voting.pad_steps([candidate.scores for candidate in candidates])
  winners = {names.MAJORITY: voting.majority(ids)}
  for method, vote in (
    (names.BEST_OF_N, voting.best_of_n),
    (names.WEIGHTED, voting.weighted),
  ):
    for how in aggregations:
      rewards = voting.aggregate(*table, how)
      winners[names.vote_name(method, how)] = vote(ids, rewards)
  return {name: texts.get(int(winner)) for name, winner in winners.items()}
