"""Candidates, votes and token counts, held against a reading by hand."""

import collections
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import names, outcomes, search
from inference_scaling.analysis.trees import page
from tests.search import runs


@functools.cache
def _final(name="rebase"):
  strategy = {
    "rebase": search.rebase(0.3), "mcts": search.mcts(2, 2),
    "drop": search.rebase(0.3, duplicates="drop"),
  }[name]  # fmt: skip
  return runs.states(strategy)[-1]


def _digit(candidate):
  return str(candidate.steps[-1]["node"] % 3)


def _paths(tree):
  """(round, slot) of the steps in each final slot, by walking back."""
  rounds = int(tree.active.any(axis=1).sum())
  for slot in range(tree.active.shape[1]):
    path, at = [], slot
    for j in range(rounds - 1, -1, -1):
      at = tree.parents[j, at]
      if tree.active[j, at]:
        path.append((j, int(at)))
    yield path[::-1]


@pytest.mark.parametrize("name", ["rebase", "mcts", "drop"])
def test_candidates_hold_their_steps_scores_and_tokens(name):
  final = _final(name)
  for p, one in enumerate(outcomes.read_outcomes(final, _digit)):
    tree = jax.tree.map(lambda leaf, p=p: np.asarray(leaf[p]), final.tree)
    listed = search.list_candidates(tree)
    assert len(one.candidates) == len(listed)
    paths = list(_paths(tree))
    for candidate, (status, path) in zip(one.candidates, listed, strict=True):
      assert candidate.status == names.STEP_STATUSES[status]
      assert candidate.path == tuple(path)
      nodes = [int(step["node"]) for step in candidate.steps]
      where = next(
        way for way in paths
        if [int(tree.contents["node"][at]) for at in way] == nodes
      )  # fmt: skip
      assert candidate.scores == tuple(float(tree.scores[at]) for at in where)
      assert candidate.num_tokens == sum(tree.num_tokens[at] for at in where)
      assert all(step["node"].shape == () for step in candidate.steps)
      finished = candidate.status == "finished"
      assert candidate.answer == (_digit(candidate) if finished else None)
    kept = {i for c in listed for i in c.path}
    nodes = search.list_nodes(tree.parents, tree.active)
    tokens = tree.num_tokens[nodes.rounds, nodes.slots]
    assert one.generated == tokens.sum() == tree.num_tokens.sum()
    assert one.discarded == sum(
      t for i, t in enumerate(tokens) if i not in kept
    )


def test_votes_are_those_of_voting():
  for one in outcomes.read_outcomes(_final(), _digit):
    answers = [c.answer for c in one.candidates if c.answer is not None]
    counts = collections.Counter(answers)
    best = max(counts.values())
    assert one.votes["majority"] == min(a for a in counts if counts[a] == best)
    ended = [c for c in one.candidates if c.answer is not None]
    score = {"last": lambda s: s[-1], "min": min, "mean": np.mean}
    for how, reduce in score.items():
      top = max(reduce(c.scores) for c in ended)
      winner = one.votes[f"best_of_n/{how}"]
      assert winner in [
        c.answer for c in ended if reduce(c.scores) >= top - 1e-6
      ]
      sums = collections.defaultdict(float)
      for c in ended:
        sums[c.answer] += reduce(c.scores)
      assert sums[one.votes[f"weighted/{how}"]] >= max(sums.values()) - 1e-5
    scored = [f"{m}/{h}" for m in ("best_of_n", "weighted")
              for h in names.AGGREGATIONS]  # fmt: skip
    assert list(one.votes) == ["majority", *scored]


def test_answers_may_be_class_numbers_and_abstain():
  texts = outcomes.read_outcomes(_final(), _digit)
  numbers = outcomes.read_outcomes(
    _final(), lambda one: jnp.int32(one.steps[-1]["node"] % 3)
  )
  for first, second in zip(texts, numbers, strict=True):
    assert {k: int(v) for k, v in first.votes.items()} == second.votes
  nobody = outcomes.read_outcomes(_final(), lambda one: None, aggregations=())
  assert [one.votes for one in nobody] == [{"majority": None}] * 4


@pytest.mark.parametrize(
  ("answer", "words"),
  [
    (lambda one: 0.5, r"an answer is a float, expected a text"),
    (lambda one: True, r"an answer is a bool"),
    (lambda one: np.zeros(2), r"an answer is a ndarray"),
    (lambda one: [int, str][one.num_tokens % 2](1), r"some answers are texts"),
  ],
)
def test_wrong_answers_are_named(answer, words):
  with pytest.raises(ValueError, match=words):
    outcomes.read_outcomes(_final(), answer)


def test_a_search_that_is_not_done_is_refused():
  state = runs.states(search.rebase(0.3))[1]
  with pytest.raises(ValueError, match=r"problem \d still has active beams"):
    outcomes.read_outcomes(state, _digit)


@pytest.mark.parametrize("name", ["rebase", "mcts", "drop"])
def test_an_outcome_makes_a_page_of_its_tree(name):
  one = outcomes.read_outcomes(_final(name), _digit)[0]
  record = one.record(
    lambda content: f"node {content['node']}\n", question="How many?",
    gold="1", policy="toy", strategy="rebase", number=3,
  )  # fmt: skip
  assert json.loads(json.dumps(record)) == record
  html = page.tree_page(record)
  assert "How many?" in html and "of these in no candidate" in html
  assert "FLOPs" not in html and f"{one.generated:,} tokens" in html
  grades = [c["correct"] for c in record["candidates"]]
  assert grades == [c.answer == "1" for c in one.candidates]


def test_a_page_without_rewards_and_without_an_answer_to_compare():
  one = outcomes.read_outcomes(_final(), _digit, aggregations=())[0]
  record = one.record(lambda content: "step")
  assert record["tree"]["scores"] is None
  assert {c["correct"] for c in record["candidates"]} == {None}
  assert "Weighted" not in page.tree_page(record)
