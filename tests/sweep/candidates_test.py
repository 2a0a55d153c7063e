"""Candidates, tree and ledger read from a tree that is written out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import compute, decoding, search, tasks
from inference_scaling.sweep import (
  candidates,
  grid,
  ledger,
  record,
  rendering,
  votes,
)
from inference_scaling.training import tokenizer as tokenizer_lib

TOKENIZER = tokenizer_lib.build_tokenizer()
# depth -> slot -> text; None where no step was made.
TEXTS = [
  ["Step 1 ки", "Step 2 ки", "Step 3 ки"],
  ["\n The answer is: 042 ки", "\nStep 4 ки", "\n The answer is: 9"],
  [None, "\n Anna ки", None],
]
PARENTS = [[0, 0, 2], [0, 1, 2], [0, 1, 2]]
SCORES = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.4, 0.7, 0.6]]
FINISHED, TRUNCATED = search.FINISHED, search.TRUNCATED
STATUS = [[0, 0, 0], [FINISHED, 0, TRUNCATED], [FINISHED, FINISHED, TRUNCATED]]
J, N, C = 4, 3, 12  # one depth was not reached


def ids(text):
  return TOKENIZER(text, add_special_tokens=False)["input_ids"]


@pytest.fixture(scope="module")
def tree():
  shape = (J, N)
  tokens = np.zeros((*shape, C), np.int32)
  lengths, active = np.zeros(shape, np.int32), np.zeros(shape, bool)
  for depth, row in enumerate(TEXTS):
    for slot, text in enumerate(row):
      if text is not None:
        step = ids(text)
        if (depth, slot) == (1, 0):
          step = [*step, TOKENIZER.eos_token_id]
        tokens[depth, slot, : len(step)] = step
        lengths[depth, slot], active[depth, slot] = len(step), True

  def full(rows, dtype):
    array = np.zeros(shape, dtype)
    array[: len(rows)] = rows
    return array

  parents = np.broadcast_to(np.arange(N, dtype=np.int32), shape).copy()
  parents[:3] = PARENTS
  return search.Tree(
    parents=parents,
    active=active,
    scores=full(SCORES, np.float32),
    status=full(STATUS, np.int32),
    num_tokens=lengths,
    contents=decoding.StepTokens(tokens, lengths, np.zeros(shape, np.float32)),
  )


def test_candidates_are_the_paths_with_their_texts(tree):
  asked = []

  def grade(answer):
    asked.append(answer)
    return answer == "42"

  first, second, third = candidates.make_candidates(tree, TOKENIZER, grade)
  assert first == {
    "text": "Step 1 ки\n The answer is: 042 ки",
    "answer": "42",
    "correct": True,
    "status": "finished",
    "step_scores": [float(np.float32(0.1)), float(np.float32(0.4))],
    "tokens": len(ids(TEXTS[0][0])) + len(ids(TEXTS[1][0])) + 1,
    "path": [0, 0],
  }
  assert second["text"] == "Step 1 ки\nStep 4 ки\n Anna ки"
  assert second["path"] == [0, 1, 1] and second["answer"] is None
  assert second["step_scores"] == np.float32([0.1, 0.5, 0.7]).tolist()
  assert third["status"] == "truncated"
  assert asked == ["42", None, None]


@pytest.mark.parametrize("step", [[TOKENIZER.eos_token_id], ids("\n ки")])
def test_a_step_without_text_has_no_score(tree, step):
  tokens, lengths = tree.contents.tokens.copy(), tree.contents.lengths.copy()
  tokens[2, 1], lengths[2, 1] = 0, len(step)
  tokens[2, 1, : len(step)] = step
  content = tree.contents.replace(tokens=tokens, lengths=lengths)
  second = candidates.make_candidates(
    tree.replace(contents=content), TOKENIZER, bool, step_end=(" ки",)
  )[1]
  assert second["step_scores"] == np.float32([0.1, 0.5]).tolist()
  assert second["path"] == [0, 1, 1]


def test_a_truncated_candidate_abstains(tree):
  third = candidates.make_candidates(tree, TOKENIZER, bool)[2]
  assert third["text"].endswith("The answer is: 9")
  assert third["answer"] is None and third["correct"] is False


def test_a_beam_dropped_while_running_is_no_candidate(tree):
  status = tree.status.copy()
  status[2, 1] = search.RUNNING
  found = candidates.make_candidates(
    tree.replace(status=status), TOKENIZER, bool
  )
  assert [candidate["path"] for candidate in found] == [[0, 0], [2, 2]]


def test_the_tree_has_the_depths_that_were_reached(tree):
  found = candidates.make_tree(tree, TOKENIZER)
  assert found["parents"] == PARENTS
  assert found["status"] == STATUS
  assert found["texts"] == TEXTS
  assert found["scores"] == np.float32(SCORES).tolist()
  assert found["active"] == [[True] * 3, [True] * 3, [False, True, False]]
  assert found["widths"] == [[2, 0, 1], [0, 1, 0], [0, 0, 0]]
  assert found["tokens"][2] == [0, len(ids(TEXTS[2][1])), 0]


def test_without_a_reward_model_no_score_is_recorded(tree):
  with_rewards = candidates.make_candidates(tree, TOKENIZER, bool)
  without = candidates.make_candidates(tree, TOKENIZER, bool, rewarded=False)
  assert without == [c | {"step_scores": []} for c in with_rewards]
  found = candidates.make_tree(tree, TOKENIZER, rewarded=False)
  whole = candidates.make_tree(tree, TOKENIZER)
  assert found == whole | {"scores": None}


def _record(tree, aggregations):
  """A record of the tree, as a sweep makes it."""
  policy = compute.ModelCost(1000, 1800, 10, 300)
  nothing = compute.ModelCost(0, 0, 0, 0)
  finished = decoding.Finished(
    problem_id=3,
    tree=tree,
    policy_counts=compute.Counts(*map(jnp.int32, (20, 50, 700))),
    reward_counts=compute.Counts(*map(jnp.int32, (0, 0, 0))),
    cache_bytes=4096,
    seconds=1.5,
  )
  with tasks.Grader() as grader:
    maker = record.RecordMaker(
      TOKENIZER,
      policy,
      nothing,
      grader,
      aggregations,
      max_steps=J,
      step_end=(" ки",),
    )
    return maker.make(
      grid.Run("small", "sampling", N, 0),
      tasks.Problem(3, "How many?", "42", 2, "test"),
      finished,
    )


def test_a_record_without_a_reward_model_votes_by_majority(tree):
  found = _record(tree, ())
  assert found["votes"] == {"majority": {"answer": "42", "correct": True}}
  assert found["tree"]["scores"] is None
  assert {len(c["step_scores"]) for c in found["candidates"]} == {0}
  assert set(found["ledger"]["flops_reward"].values()) == {0.0}
  assert found["ledger"]["flops"]["with_reward"] == 2 * 1000 * 50
  whole = _record(tree, ("last",))
  assert whole["votes"]["majority"] == found["votes"]["majority"]
  assert list(whole["votes"]) == votes.names(("last",))


def test_a_drawing_leaves_out_rewards_that_there_are_none_of(tree):
  text = rendering.render(_record(tree, ()))
  assert "; width, step:" in text
  assert "├─ x2  Step 1 ки" in text
  assert "42             1 of 3\n" in text
  assert "last rewards" not in text
  assert "├─ 0.100 x2  Step 1 ки" in rendering.render(_record(tree, ("last",)))


@pytest.mark.parametrize(
  ("text", "answer"),
  [
    ("The answer is: 42 ки", "42"),
    ("The answer is: 42.0 ки", "42"),
    ("Step 1: 40 + 2 = 42 ки", None),
    ("The answer is: ки", None),
  ],
)
def test_answers_are_canonical(text, answer):
  assert candidates.canonical_answer(text) == answer


def test_the_ledger_counts_the_tree_and_splits_the_flops(tree):
  policy = compute.ModelCost(1000, 1800, 10, 300)
  reward = compute.ModelCost(500, 900, 7, 2)
  finished = decoding.Finished(
    problem_id=3,
    tree=tree,
    policy_counts=compute.Counts(*map(jnp.int32, (20, 50, 700))),
    reward_counts=compute.Counts(*map(jnp.int32, (21, 50, 800))),
    cache_bytes=4096,
    seconds=1.5,
  )
  found = ledger.make_ledger(finished, policy, reward)
  assert found["policy_discarded"] == len(ids(TEXTS[0][1]))  # slot 1: no child
  assert (found["policy_prefill"], found["policy_decode"]) == (20, 50)
  assert (found["reward_prefill"], found["reward_scored"]) == (21, 50)
  assert (found["policy_attended"], found["reward_attended"]) == (700, 800)
  assert found["cache_bytes"] == 4096
  ours = 1800 * (20 + 50) + 10 * 700 + 300 * 50
  theirs = 900 * (21 + 50) + 7 * 800 + 2 * 50
  prompt = 1800 * 20 + 10 * (20 * 21 // 2)
  read = 900 * 21 + 7 * (21 * 22 // 2)
  assert found["flops"] == {
    "paper": 2 * 1000 * 50,
    "with_reward": 2 * 1000 * 50 + 2 * 500 * 50,
    "full": ours + theirs,
  }
  assert found["flops_reward"] == {
    "paper": 0, "with_reward": 2 * 500 * 50, "full": theirs
  }  # fmt: skip
  nothing = {"paper": 0, "with_reward": 0}
  assert found["flops_prefill"] == {**nothing, "full": prompt + read}
  assert found["flops_reward_prefill"] == {**nothing, "full": read}
