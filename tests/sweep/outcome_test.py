"""Sweeps with a model that scores whole solutions: from config to votes."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from inference_scaling import decoding, models, names, sweep
from inference_scaling.sweep.solve import EMBEDDED_SETTINGS
from tests.models import external_models
from tests.sweep import tiny

RUNS = {"sampling": {"strategy": "sampling", "n": (6,), "seeds": (0,)}}
LIMITS = {"prompt_tokens": 160, "total_tokens": 160}


def _whole(model, texts):
  """The score of the last step of (question, steps), from one pass."""
  rows = [model.reward_format.encode_whole(*text) for text in texts]
  tokens = np.zeros((len(rows), max(map(len, rows))), np.int32)
  for row, text in enumerate(rows):
    tokens[row, : len(text)] = text
  rewards = jax.jit(model.token_rewards)(model.params, tokens, tokens > -1)
  ends = [len(row) - 1 for row in rows]
  return np.asarray(rewards)[np.arange(len(rows)), ends]


def _sweep(family, folder, name, **changes):
  """Folder of a finished sweep, and what it said."""
  (folder / "reward").mkdir()
  external_models.write(name, folder / "reward")
  source = str(folder / "reward")
  said = []
  config = tiny.config(
    family,
    **{
      "runs": RUNS, "policies": {"small": str(family / "small")},
      "reward": {"format": name, "source": source, **LIMITS}, **changes,
    },
  )  # fmt: skip
  return sweep.run_sweep(config, folder / "run", say=said.append), said


@pytest.fixture(scope="module")
def scored(family, tmp_path_factory):
  folder = tmp_path_factory.mktemp("outcome")
  return folder, *_sweep(family, folder, "outcome_chat")


def _records(workdir):
  with (workdir / "records.jsonl").open() as file:
    records = [json.loads(line) for line in file]
  return {(r["run"]["strategy"], r["problem"]["id"]): r for r in records}


def _solution(candidate):
  """What the reward model reads of it: no tags, line breaks where they are."""
  return candidate["text"].replace(" ки", "").strip()


def test_a_candidate_has_one_score_of_its_whole_solution(scored):
  folder, workdir, _ = scored
  model = models.load_reward_model(
    folder / "reward", reward_format="outcome_chat"
  )
  texts, scores, several = [], [], 0
  for record in _records(workdir).values():
    for candidate in record["candidates"]:
      (score,) = candidate["step_scores"]
      solution = _solution(candidate)
      several += solution.count("Step") > 1
      texts.append((record["problem"]["question"], [solution]))
      scores.append(score)
  expected = _whole(model, texts)
  assert several > 5 and np.std(expected) > 0.01
  np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


def test_solutions_vote_with_their_scores(scored):
  _, workdir, _ = scored
  split = 0
  for record in _records(workdir).values():
    votes = record["votes"]
    voters = [c for c in record["candidates"] if c["answer"] is not None]
    best = max(voters, key=lambda c: c["step_scores"][0], default=None)
    totals = {}
    for candidate in voters:
      answer, (score,) = candidate["answer"], candidate["step_scores"]
      totals[answer] = totals.get(answer, 0) + score
    split += len(totals) > 1
    for how in names.AGGREGATIONS:
      answer = votes[names.vote_name(names.BEST_OF_N, how)]["answer"]
      assert answer == (best and best["answer"])
      answer = votes[names.vote_name(names.WEIGHTED, how)]["answer"]
      assert answer == max(totals, key=totals.get, default=None)
  assert split > 2


def test_the_ledger_counts_each_token_once(scored):
  folder, workdir, said = scored
  reward_format = models.load_reward_model(
    folder / "reward", reward_format="outcome_chat"
  ).reward_format
  for record in _records(workdir).values():
    prompt = reward_format.encode_prompt(record["problem"]["question"])
    pieces = [
      len(reward_format.encode_step(0, _solution(candidate)))
      for candidate in record["candidates"]
    ]
    ledger = record["ledger"]
    assert ledger["reward_prefill"] == len(prompt)
    assert ledger["reward_scored"] == sum(pieces)
    tokens = sum(c["tokens"] for c in record["candidates"])
    assert ledger["policy_decode"] == tokens
    assert all(len(c["path"]) == 1 for c in record["candidates"])
  assert "rewards" in "\n".join(said) and "wrong solution" in "\n".join(said)


@pytest.mark.slow
def test_eight_devices_score_as_one(scored, family, tmp_path):
  _, workdir, _ = scored
  meshed, _ = _sweep(
    family, tmp_path, "outcome_chat", mesh={"data": 4, "model": 2}
  )
  ours, theirs = _records(meshed), _records(workdir)
  assert ours.keys() == theirs.keys()
  for key, record in ours.items():
    pairs = zip(record["candidates"], theirs[key]["candidates"], strict=True)
    for one, other in pairs:
      assert one["text"] == other["text"]
      np.testing.assert_allclose(
        one["step_scores"], other["step_scores"], rtol=1e-4, atol=1e-5
      )


@pytest.mark.slow
def test_solve_takes_a_whole_solution_for_a_step(scored, family):
  folder, workdir, _ = scored
  question = _records(workdir)["sampling", 0]["problem"]["question"]
  limits = decoding.Limits(160, 160, 160)
  solution = sweep.solve(
    question, policy=str(family / "small"), reward=str(folder / "reward"),
    strategy="sampling", n=6,
    settings=dataclasses.replace(
      EMBEDDED_SETTINGS, reward_format="outcome_chat", reward_limits=limits,
      limits=decoding.Limits(32, 8, 32, 4),
    ),
  )  # fmt: skip
  texts = [c["text"] for c in _records(workdir)["sampling", 0]["candidates"]]
  assert [c["text"] for c in solution.record["candidates"]] == texts


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eurus_rm", "pure", "reasonflux"])
def test_sweeps_score_whole_texts_in_every_published_format(
  name, family, tmp_path
):
  changes = {}
  if name not in names.OUTCOME_FORMATS:
    changes["runs"] = {"rebase": {"strategy": "rebase", "n": (6,)}}
    changes["reward"] = {
      "format": name, "source": str(tmp_path / "reward"), "step_tokens": 64,
      **LIMITS,
    }  # fmt: skip
  workdir, _ = _sweep(family, tmp_path, name, **changes)
  model = models.load_reward_model(tmp_path / "reward", reward_format=name)
  texts, scores = [], []
  for record in _records(workdir).values():
    nodes = record["tree"]["texts"]
    for candidate in record["candidates"]:
      steps = [nodes[i].replace(" ки", "").strip() for i in candidate["path"]]
      question = record["problem"]["question"]
      for index, score in enumerate(candidate["step_scores"]):
        texts.append((question, steps[: index + 1]))
        scores.append(score)
  assert max(len(steps) for _, steps in texts) == (1 if not changes else 4)
  np.testing.assert_allclose(scores, _whole(model, texts), atol=1e-4)
