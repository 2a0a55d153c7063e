"""Candidates, tree and ledger read from a tree that is written out by hand."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import compute, decoding, search, spec, tasks
from inference_scaling.decoding import policy_state
from inference_scaling.search import trace
from inference_scaling.spec import grid
from inference_scaling.sweep.records import (
  candidates,
  ledger,
  record,
  rendering,
  step_texts,
  votes,
)
from inference_scaling.training import tokenizer as tokenizer_lib

TOKENIZER = tokenizer_lib.build_tokenizer()
READER = step_texts.TokenTexts(TOKENIZER)
ENDED = step_texts.TokenTexts(TOKENIZER, (" ки",))
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
NOTHING = spec.Confidence()


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
    contents=decoding.StepTokens(
      tokens, lengths, *np.zeros((2, *shape), np.float32)
    ),
  )


def test_candidates_are_the_paths_with_their_texts(tree):
  graded = []

  def grade(answer):
    graded.append(answer)
    return answer == "42"

  first, second, third = candidates.make_candidates(tree, READER, grade)
  assert first == {
    "text": "Step 1 ки\n The answer is: 042 ки",
    "answer": "42",
    "correct": True,
    "status": "finished",
    "step_scores": [float(np.float32(0.1)), float(np.float32(0.4))],
    "tokens": len(ids(TEXTS[0][0])) + len(ids(TEXTS[1][0])) + 1,
    "path": [0, 3],
  }
  assert second["text"] == "Step 1 ки\nStep 4 ки\n Anna ки"
  assert second["path"] == [0, 4, 6] and second["answer"] is None
  assert second["step_scores"] == np.float32([0.1, 0.5, 0.7]).tolist()
  assert third["status"] == "truncated"
  assert graded == ["42", None, None]


@pytest.mark.parametrize("step", [[TOKENIZER.eos_token_id], ids("\n ки")])
def test_a_step_without_text_has_no_score(tree, step):
  tokens, lengths = tree.contents.tokens.copy(), tree.contents.lengths.copy()
  tokens[2, 1], lengths[2, 1] = 0, len(step)
  tokens[2, 1, : len(step)] = step
  content = tree.contents.replace(tokens=tokens, lengths=lengths)
  second = candidates.make_candidates(
    tree.replace(contents=content), ENDED, bool
  )[1]
  assert second["step_scores"] == np.float32([0.1, 0.5]).tolist()
  assert second["path"] == [0, 4, 6]


def test_an_answer_is_read_behind_the_thinking_alone(tree):
  lengths = tree.num_tokens
  first_step = np.where(np.arange(J)[:, None] == 0, lengths, 0)
  for thinking, answer in ((first_step, "42"), (lengths, None)):
    content = tree.contents.replace(thinking=thinking)
    first, *_ = candidates.make_candidates(
      tree.replace(contents=content), READER, bool
    )
    assert first["answer"] == answer and first["status"] == "finished"
    assert first["text"] == "Step 1 ки\n The answer is: 042 ки"
    assert first["thinking_tokens"] == thinking[0, 0] + thinking[1, 0]


def test_a_truncated_candidate_abstains(tree):
  third = candidates.make_candidates(tree, READER, bool)[2]
  assert third["text"].endswith("The answer is: 9")
  assert third["answer"] is None and third["correct"] is False


def test_a_beam_that_still_runs_is_unfinished_and_abstains(tree):
  status = tree.status.copy()
  status[1, 0] = status[2, 0] = search.RUNNING  # though it states an answer
  first, _, third = candidates.make_candidates(
    tree.replace(status=status), READER, lambda answer: answer == "42"
  )
  assert first["status"] == "unfinished" and third["status"] == "truncated"
  assert first["answer"] is None and first["correct"] is False
  assert first["text"] == "Step 1 ки\n The answer is: 042 ки"
  assert first["step_scores"] == np.float32([0.1, 0.4]).tolist()


def test_answers_to_a_question_with_options_are_letters(tree):
  problem = tasks.Problem(
    0, "Which?\n\n(A) 41\n(B) 42", "B", 1, "set", options=("41", "42")
  )
  made = _record(tree, (), problem)
  first, *others = made["candidates"]
  assert (first["answer"], first["correct"]) == ("B", True)
  assert {c["answer"] for c in others} == {None}
  assert made["votes"]["majority"] == {"answer": "B", "correct": True}
  assert made["problem"]["question"] == problem.question
  wrong = dataclasses.replace(problem, gold="A")
  assert not _record(tree, (), wrong)["votes"]["majority"]["correct"]
  twins = dataclasses.replace(wrong, alternatives=("B",))
  assert _record(tree, (), twins)["votes"]["majority"]["correct"]


def test_a_published_tolerance_is_recorded_and_graded_by(tree):
  problem = tasks.Problem(0, "How far?", "41.5", 1, "set", tolerances=(0.5,))
  made = _record(tree, (), problem)
  assert made["problem"]["tolerances"] == [0.5]
  assert made["candidates"][0]["correct"] is True
  exact = _record(tree, (), dataclasses.replace(problem, tolerances=()))
  assert exact["candidates"][0]["correct"] is False
  assert "tolerances" not in exact["problem"]


def test_the_tree_has_a_column_of_nodes_for_each_field(tree):
  at = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 1)]
  columns = candidates.make_tree(tree, READER)
  assert columns == {
    "parents": [None, None, None, 0, 0, 2, 4],
    "depths": [0, 0, 0, 1, 1, 1, 2],
    "rounds": [0, 0, 0, 1, 1, 1, 2],
    "widths": [2, 0, 1, 0, 1, 0, 0],
    "scores": [float(np.float32(SCORES[j][n])) for j, n in at],
    "status": [STATUS[j][n] for j, n in at],
    "tokens": [int(tree.num_tokens[node]) for node in at],
    "texts": [TEXTS[j][n] for j, n in at],
  }
  json.dumps(columns, allow_nan=False)  # plain numbers, not NumPy's


def test_a_step_after_a_parked_round_is_the_next_in_the_text(tree):
  active, parents = tree.active.copy(), tree.parents.copy()
  active[1, 1] = False  # slot 1 waits for one round, then goes on
  parents[0] = 0, 1, 2
  columns = candidates.make_tree(
    tree.replace(active=active, parents=parents), READER
  )
  assert columns["rounds"] == [0, 0, 0, 1, 1, 2]
  assert columns["depths"] == [0, 0, 0, 1, 1, 1]
  assert columns["parents"] == [None, None, None, 0, 2, 1]


def test_without_a_reward_model_no_score_is_recorded(tree):
  with_rewards = candidates.make_candidates(tree, READER, bool)
  without = candidates.make_candidates(tree, READER, bool, rewarded=False)
  assert without == [c | {"step_scores": []} for c in with_rewards]
  columns = candidates.make_tree(tree, READER, rewarded=False)
  whole = candidates.make_tree(tree, READER)
  assert columns == whole | {"scores": None}


PROBLEM = tasks.Problem(3, "How many?", "42", 2, "test")


def _record(tree, aggregations, problem=PROBLEM, confidence=NOTHING):
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
      ENDED, policy, nothing, grader, aggregations, confidence=confidence
    )
    return maker.make(grid.Run("small", "sampling", N, 0), problem, finished)


def test_a_record_says_how_sure_the_policy_was(tree):
  random = np.random.default_rng(0)
  shape = tree.contents.tokens.shape
  # Beyond the end of a step there may be anything.
  tables = random.uniform(0.1, 4.0, (3, *shape)).astype(np.float32)
  stats = policy_state.TokenStats(-tables[0], tables[1], tables[2])
  tree = tree.replace(contents=tree.contents.replace(by_token=stats))
  settings = spec.Confidence(window=4, tail=5)
  made = _record(tree, (), confidence=settings)["candidates"]
  plain = _record(tree, ())["candidates"]
  nodes = trace.list_nodes(tree.parents, tree.active)
  for one, before in zip(made, plain, strict=True):
    assert one == {**before, "confidence": one["confidence"]}
    names = ("likelihood", "self_certainty", "token_confidence")
    for name, table in zip(names, stats, strict=True):
      tokens = []
      for node in one["path"]:
        at = nodes.rounds[node], nodes.slots[node]
        tokens += table[at][: tree.contents.lengths[at]].tolist()
      groups = [
        sum(tokens[i : i + 4]) / 4 for i in range(max(1, len(tokens) - 3))
      ]
      lowest = sorted(groups)[: max(1, len(groups) // 10)]
      wanted = {
        "mean": sum(tokens) / len(tokens),
        "lowest": min(groups),
        "tail": sum(tokens[-5:]) / 5,
        "bottom": sum(lowest) / len(lowest),
      }
      if name == "likelihood":
        wanted = {key: np.exp(value) for key, value in wanted.items()}
      assert one["confidence"][name] == pytest.approx(wanted, rel=1e-6)
  json.dumps(made, allow_nan=False)


def test_a_confidence_that_is_not_finite_is_named(tree):
  tables = np.ones((3, *tree.contents.tokens.shape), np.float32)
  tables[1, 0, 0, 0] = np.inf
  stats = policy_state.TokenStats(*tables)
  tree = tree.replace(contents=tree.contents.replace(by_token=stats))
  with pytest.raises(ValueError, match="self_certainty of a token is inf"):
    _record(tree, (), confidence=spec.Confidence(window=4))


def test_a_record_without_a_reward_model_votes_by_majority(tree):
  record = _record(tree, ())
  assert record["votes"] == {"majority": {"answer": "42", "correct": True}}
  assert record["tree"]["scores"] is None
  assert {len(c["step_scores"]) for c in record["candidates"]} == {0}
  assert set(record["ledger"]["flops_reward"].values()) == {0.0}
  assert record["ledger"]["flops"]["with_reward"] == 2 * 1000 * 50
  whole = _record(tree, ("last",))
  assert whole["votes"]["majority"] == record["votes"]["majority"]
  assert list(whole["votes"]) == votes.vote_names(("last",))


def test_a_drawing_leaves_out_rewards_that_there_are_none_of(tree):
  text = rendering.render(_record(tree, ()))
  assert "; width, step:" in text
  assert "├─ x2  Step 1 ки" in text
  assert "42             1 of 3\n" in text
  assert "last rewards" not in text
  assert "├─ 0.100 x2  Step 1 ки" in rendering.render(_record(tree, ("last",)))


def test_a_drawing_says_how_steps_end(tree):
  status = tree.status.copy()
  status[1, 0] = status[2, 0] = search.RUNNING
  text = rendering.render(_record(tree.replace(status=status), ()))
  assert "042 ки  (unfinished)\n" in text
  assert "9  (cut off)\n" in text and "Anna ки  (finished)\n" in text
  parents = tree.parents.copy()
  parents[2] = 1, 1, 1  # the last fork copies one beam over the others
  text = rendering.render(_record(tree.replace(parents=parents), ()))
  assert "042 ки  (finished, given up)\n" in text
  assert "Anna ки  (finished, 3 times)\n" in text
  assert "Step 2 ки\n" in text  # given up while it ran
  status[0, 1] = search.DROPPED
  text = rendering.render(_record(tree.replace(status=status), ()))
  assert "Step 2 ки  (duplicate)\n" in text


def test_without_candidates_the_vote_has_no_answer(tree):
  active = np.zeros_like(tree.active)
  active[0, 0] = active[1, 1] = True  # a beam goes on from the only one
  parents = np.zeros_like(tree.parents)
  running = tree.replace(
    active=active, parents=parents, status=np.zeros_like(tree.status)
  )
  record = _record(running, ("last",))
  assert record["candidates"] == []
  nobody = {"answer": None, "correct": False}
  assert record["votes"] == dict.fromkeys(votes.vote_names(("last",)), nobody)
  assert record["ledger"]["policy_discarded"] == 50
  rendering.render(record)


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
  costs = ledger.make_ledger(finished, policy, reward)
  # Discarded: tokens that are in no node, as in lookahead, and those of slot 1,
  # from which nothing goes on.
  in_no_node = 50 - tree.num_tokens.sum()
  assert in_no_node > 0
  assert costs["policy_discarded"] == in_no_node + len(ids(TEXTS[0][1]))
  assert (costs["policy_prefill"], costs["policy_decode"]) == (20, 50)
  assert (costs["reward_prefill"], costs["reward_scored"]) == (21, 50)
  assert (costs["policy_attended"], costs["reward_attended"]) == (700, 800)
  assert costs["cache_bytes"] == 4096
  policy_flops = 1800 * (20 + 50) + 10 * 700 + 300 * 50
  reward_flops = 900 * (21 + 50) + 7 * 800 + 2 * 50
  prompt = 1800 * 20 + 10 * (20 * 21 // 2)
  read = 900 * 21 + 7 * (21 * 22 // 2)
  assert costs["flops"] == {
    "paper": 2 * 1000 * 50,
    "with_reward": 2 * 1000 * 50 + 2 * 500 * 50,
    "full": policy_flops + reward_flops,
  }
  assert costs["flops_reward"] == {
    "paper": 0, "with_reward": 2 * 500 * 50, "full": reward_flops
  }  # fmt: skip
  nothing = {"paper": 0, "with_reward": 0}
  assert costs["flops_prefill"] == {**nothing, "full": prompt + read}
  assert costs["flops_reward_prefill"] == {**nothing, "full": read}


def test_answers_that_stop_a_search_are_those_that_vote(tree):
  # By their texts 42 is one class; no option has it here.
  assert candidates.answer_classes(tree, READER).max() == 0
  assert candidates.answer_classes(tree, READER, ("41", "43")).max() == -1
  assert candidates.answer_classes(tree, READER, ("41", "42")).max() == 0
