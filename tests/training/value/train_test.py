"""A value head from the records of a sweep to a reward of another one."""

import dataclasses
import json
import shutil

import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from flax import nnx

from inference_scaling import decoding, models, spec, sweep, tasks, training
from inference_scaling.models.rewards import value_file, value_head
from inference_scaling.sweep import checkpoints, loading
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.training.value import batches as batches_lib
from inference_scaling.training.value import (
  hidden_states,
  solutions,
  train,
)
from tests.sweep import tiny
from tests.training.value import conftest


def records(folder):
  with (folder / "records.jsonl").open(encoding="utf-8") as file:
    return [json.loads(line) for line in file]


def value_sweep(family, head, **changes):
  reward = {"format": "value_head", "source": str(head)}
  runs = {
    "sampling": {"strategy": "sampling", "n": (2,)},
    "rebase": {"strategy": "rebase", "n": (4,)},
  }
  return tiny.config(family, **({"reward": reward, "runs": runs} | changes))


def test_a_trained_head_scores_the_steps_of_a_sweep(family, trained, tmp_path):
  head = trained / "model"
  sweep.run_sweep(value_sweep(family, head), tmp_path)
  model = models.load_value_model(head)
  tokenizer = model.tokenizer
  compared = 0
  for record in records(tmp_path):
    prompt = tokenizer(tasks.step_prompt(record["problem"]["question"]))[
      "input_ids"
    ]
    texts = record["tree"]["texts"]
    for candidate in record["candidates"]:
      tokens, ends = list(prompt), []
      for node in candidate["path"]:
        tokens += tokenizer(texts[node], add_special_tokens=False)["input_ids"]
        ends.append(len(tokens) - 1)
      whole = model.token_rewards(
        model.params, jnp.array([tokens]), jnp.ones((1, len(tokens)), bool)
      )[0]
      count = record["tree"]["tokens"]
      if len(tokens) - len(prompt) != sum(count[n] for n in candidate["path"]):
        continue  # the end of the text was written, too
      scores = candidate["step_scores"]
      np.testing.assert_allclose(scores, whole[np.array(ends)], atol=1e-5)
      compared += 1
  assert compared > 10


def test_hidden_states_of_the_policy_are_charged_once(
  family, trained, tmp_path
):
  head = trained / "model"
  sweep.run_sweep(value_sweep(family, head), tmp_path)
  size = value_file.read_description(head).parameters
  for record in records(tmp_path):
    ledger = record["ledger"]
    if record["run"]["policy"] != "large":
      assert "flops_head" not in ledger
      continue
    spent = 2.0 * size * ledger["reward_scored"]
    assert ledger["flops_head"] == {
      "paper": 0.0, "with_reward": spent, "full": spent,
    }  # fmt: skip
    assert spent < ledger["flops_reward"]["with_reward"]


def test_a_body_in_another_dtype_is_charged_for_its_own_hidden_states(
  family, trained, tmp_path
):
  config = value_sweep(
    family, trained / "model", policy_dtypes={"large": "int8"}
  )
  sweep.run_sweep(config, tmp_path)
  assert all("flops_head" not in one["ledger"] for one in records(tmp_path))


@pytest.mark.parametrize(
  ("names", "dtypes", "shared", "has_model"),
  [
    (("large",), {}, {"large"}, False),
    (("small", "large"), {}, {"large"}, True),
    (("large",), {"large": "int8"}, set(), True),
  ],
  ids=["its body alone", "another policy, too", "its body in another dtype"],
)
def test_the_body_is_loaded_for_policies_that_are_not_the_body(
  family, trained, names, dtypes, shared, has_model
):
  config = value_sweep(family, trained / "model", policy_dtypes=dtypes)
  read = spec.read_sweep(config)
  policies = {name: checkpoints.policy(str(family / name)) for name in names}
  reward = checkpoints.reward(str(trained / "model"), "value_head")
  settings = settings_lib.make_settings(read)
  engine = loading.load_engine(policies, reward, settings, print)
  assert set(engine.loaded.heads) == shared
  assert (engine.loaded.reward is not None) == has_model


def test_training_again_computes_no_hidden_states(
  family, draws, trained, monkeypatch
):
  before = value_file.read_weights(
    trained / "model", value_file.read_description(trained / "model")
  )

  def refuse(*arguments):
    raise AssertionError("hidden states were computed again")

  monkeypatch.setattr(hidden_states, "_make_reader", refuse)
  training.train_value(conftest.train_config(family, draws), trained)
  after = value_file.read_weights(
    trained / "model", value_file.read_description(trained / "model")
  )
  for name, array in before.items():
    np.testing.assert_array_equal(array, after[name])


def test_more_solutions_are_learned_from_the_start(family, draws, tmp_path):
  """A fit of fewer must not go on: its problems may be held out now."""
  (tmp_path / "few").mkdir()
  lines = (draws / "records.jsonl").read_text("utf-8").splitlines(True)
  kept = [line for line in lines if json.loads(line)["problem"]["id"] < 5]
  (tmp_path / "few" / "records.jsonl").write_text("".join(kept), "utf-8")
  content = (draws / "config.json").read_text("utf-8")
  (tmp_path / "few" / "config.json").write_text(content, "utf-8")
  work = tmp_path / "work"
  for folder in (tmp_path / "few", draws):
    training.train_value(conftest.train_config(family, folder), work)
  alone = tmp_path / "alone"
  training.train_value(conftest.train_config(family, draws), alone)
  assert len(list((work / "fits").iterdir())) == 2
  weights = [
    value_file.read_weights(
      folder / "model", value_file.read_description(folder / "model")
    )
    for folder in (work, alone)
  ]
  for name, array in weights[0].items():
    np.testing.assert_array_equal(array, weights[1][name])


def test_stored_states_are_those_of_the_whole_text(family, draws, trained):
  """Hidden states and likelihoods, computed here without a cache."""
  model = models.load_model(family / "large")
  problems = solutions.read(draws, "large", model.tokenizer, (" ки",))
  for problem in problems[:2]:
    states = hidden_states.load(trained / "hidden_states", problem)
    first = 0
    for solution in problem.solutions:
      text = jnp.array([[*problem.prompt, *solution.tokens]])
      begin = len(problem.prompt)
      end = first + len(solution.tokens)
      hidden = model.hidden(model.params, text)[0, begin:]
      np.testing.assert_allclose(
        states.hidden[first:end], hidden, rtol=2e-3, atol=2e-3
      )
      logits = np.array(model.logits(model.params, text)[0, begin - 1 : -1])
      logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
      chosen = logits[np.arange(len(solution.tokens)), solution.tokens]
      np.testing.assert_allclose(states.likely[first:end], chosen, atol=1e-3)
      first = end


def test_states_after_a_shared_beginning_are_those_of_the_whole_text(
  family, draws, tmp_path
):
  model = models.load_model(family / "large")
  problems = solutions.read(draws, "large", model.tokenizer, (" ки",))[:2]
  shared = tuple(range(5, 15)) * 7
  problems = [
    dataclasses.replace(
      problem, prompt=shared + problem.prompt, solutions=problem.solutions[:2]
    )
    for problem in problems
  ]
  prompts = [problem.prompt for problem in problems]
  assert len(decoding.common_prefix(prompts)) >= len(shared)
  hidden_states.compute(model, (1,), problems, tmp_path, "float32")
  for problem in problems:
    states = hidden_states.load(tmp_path, problem)
    solution = problem.solutions[0].tokens
    text = jnp.array([[*problem.prompt, *solution]])
    hidden = model.hidden(model.params, text)[0, len(problem.prompt) :]
    np.testing.assert_allclose(
      states.hidden[: len(solution)], hidden, rtol=2e-3, atol=2e-3
    )


def test_states_of_a_quantised_policy_are_near(family, draws, tmp_path):
  model = models.load_model(family / "large", dtype="int8")
  problems = solutions.read(draws, "large", model.tokenizer, (" ки",))[:1]
  hidden_states.compute(model, (1,), problems, tmp_path, "int8")
  states = hidden_states.load(tmp_path, problems[0])
  (prompt, solution) = problems[0].prompt, problems[0].solutions[0].tokens
  text = jnp.array([[*prompt, *solution]])
  hidden = model.hidden(model.params, text)[0, len(prompt) :]
  np.testing.assert_allclose(
    states.hidden[: len(solution)], hidden, rtol=0.01, atol=0.01
  )


def test_folded_weights_read_states_as_they_are(family, draws, trained):
  """Scaling is folded into the head, with and without an inner layer."""
  tokenizer = models.load_model(family / "large").tokenizer
  problems = solutions.read(draws, "large", tokenizer, (" ки",))
  config = conftest.train_config(family, draws)
  batches = batches_lib.TokenBatches(
    config, problems, trained / "hidden_states"
  )
  rng = np.random.default_rng(0)
  for width in (0, 3):
    features = batches[0]["hidden"].shape[1]
    head = value_head.ValueHead(features, width, nnx.Rngs(0))
    graph, state = nnx.split(head)
    weights = {
      name: rng.normal(size=array.shape).astype(np.float32)
      for name, array in nnx.to_pure_dict(state).items()
    }
    states = hidden_states.load(trained / "hidden_states", problems[0])
    raw = states.hidden.astype(np.float32)
    scaled = (raw - batches.mean) / batches.deviation
    expected = nnx.merge(graph, weights)(scaled)
    folded = nnx.merge(graph, batches.unscaled(weights))(raw)
    np.testing.assert_allclose(folded, expected, rtol=1e-3, atol=1e-3)


def test_a_head_learns_what_its_features_tell(family, draws, tmp_path):
  """States whose first feature is the label, and noise beside it."""
  tokenizer = models.load_model(family / "large").tokenizer
  problems = solutions.read(draws, "large", tokenizer, (" ки",))
  learned, held_out = solutions.hold_out(problems, 0.5, 0)
  rng = np.random.default_rng(0)
  for problem in problems:
    lengths = [len(s.tokens) for s in problem.solutions]
    labels = np.repeat([s.correct for s in problem.solutions], lengths)
    hidden = rng.normal(size=(len(labels), 3))
    hidden[:, 0] = 3 * labels + 0.1 * hidden[:, 0]
    np.savez(
      tmp_path / f"{problem.id:06d}.npz", hidden=hidden.astype(np.float16),
      likely=np.zeros(len(labels), np.float32), lengths=np.array(lengths),
      sha256=hidden_states._sha256(problem),
    )  # fmt: skip
  config = conftest.train_config(
    family, draws, steps=150, batch_size=64, learning_rate=0.05
  )
  description = value_file.Description("", "", (1,), 3, 0, "")
  weights = train.fit(
    config, description, learned, held_out, tmp_path, tmp_path / "work"
  )
  for one in train.score(description, weights, held_out, tmp_path):
    lengths = [len(s.tokens) for s in one.problem.solutions]
    labels = np.repeat([s.correct for s in one.problem.solutions], lengths)
    np.testing.assert_array_equal(one.rewards > 0.5, labels)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"policy": "huge"}, "config.policy is 'huge'.*are large, small"),
    ({"layers": (1, 2)}, r"layers is \(1, 2\); expected.*from 1 to 1"),
    ({"layers": ()}, r"layers is \(\)"),
    ({"held_out": 1e-9}, "0 are held out"),
    ({"held_out": -0.4}, r"config.held_out is -0.4; expected a number above 0"),
    ({"step_end": " ки"}, r"config.step_end is ' ки'; expected a list"),
    ({"step_end": ("",)}, r"config.step_end is \('',\); expected a list"),
    ({"width": -1}, r"config.width is -1; expected a whole number"),
    ({"source": "small"}, "drawn by a policy of digest .*same checkpoint"),
  ],
)
def test_what_cannot_be_trained_is_told_first(
  family, draws, tmp_path, changes, message
):
  if "source" in changes:
    changes = {"source": str(family / changes["source"])}
  # A dict: types of a ConfigDict cannot change.
  config = conftest.train_config(family, draws).to_dict() | changes
  with pytest.raises(ValueError, match=message):
    training.train_value(ml_collections.ConfigDict(config), tmp_path)
  assert not (tmp_path / "hidden_states").exists()


def test_draws_that_are_not_there_are_named(family, tmp_path):
  config = conftest.train_config(family, tmp_path / "none")
  with pytest.raises(FileNotFoundError, match=r"config\.draws is .*none"):
    training.train_value(config, tmp_path)


def test_states_of_another_making_are_refused(trained):
  with pytest.raises(ValueError, match=r"layers was \[1\] and is \[2\]"):
    hidden_states.check(trained / "hidden_states", {"layers": [2]}, [])


def test_states_of_another_text_are_refused(trained, draws, family):
  tokenizer = models.open_checkpoint(str(family / "large")).tokenizer()
  problems = solutions.read(draws, "large", tokenizer, ())
  folder = trained / "hidden_states"
  hidden_states.check(folder, {}, problems)
  first, *others = problems
  question = (first.prompt[0] + 1, *first.prompt[1:])
  other = dataclasses.replace(first, prompt=question)  # of the same length
  with pytest.raises(ValueError, match=r"npz holds .* another question"):
    hidden_states.check(folder, {}, [*others, other])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_broken_states_are_named(trained, draws, family, tmp_path, content):
  folder = tmp_path / "hidden_states"
  shutil.copytree(trained / "hidden_states", folder)
  tokenizer = models.open_checkpoint(str(family / "large")).tokenizer()
  problems = solutions.read(draws, "large", tokenizer, ())
  path = next(folder.glob("*.npz"))
  path.write_bytes(content)
  with pytest.raises(ValueError, match=rf"{path.name} holds no hidden states"):
    hidden_states.check(folder, {}, problems)
  (folder / "states.json").write_bytes(content)
  with pytest.raises(ValueError, match=r"states.json is no JSON.* this folder"):
    hidden_states.check(folder, {}, problems)
  # Without it nothing says which policy the others are of.
  (folder / "states.json").unlink()
  with pytest.raises(ValueError, match=r"but no states.json.* this folder"):
    hidden_states.check(folder, {}, problems)


def test_a_mistake_leaves_nothing_behind(family, draws, tmp_path, monkeypatch):
  config = conftest.train_config(family, draws, dtype="float16")
  monkeypatch.setattr(models, "load_model", _broken)
  with pytest.raises(ValueError, match="no such units"):
    training.train_value(config, tmp_path)
  monkeypatch.undo()
  training.train_value(conftest.train_config(family, draws), tmp_path)
  assert (tmp_path / "model").is_dir()


def _broken(*_, **__):
  raise ValueError("no such units")


def test_solutions_all_wrong_are_refused(draws, family, tmp_path):
  rows = records(draws)
  for row in rows:
    for candidate in row["candidates"]:
      candidate["correct"] = False
  text = "".join(json.dumps(row) + "\n" for row in rows)
  (tmp_path / "records.jsonl").write_text(text, "utf-8")
  content = (draws / "config.json").read_text("utf-8")
  (tmp_path / "config.json").write_text(content, "utf-8")
  config = conftest.train_config(family, tmp_path)
  with pytest.raises(ValueError, match="not one of them is correct"):
    training.train_value(config, tmp_path / "work")


def test_a_head_of_another_body_is_refused(family, trained, tmp_path):
  reward = {
    "format": "value_head",
    "source": str(trained / "model"),
    "body": str(family / "small"),
  }
  with pytest.raises(ValueError, match="was trained on hidden states of"):
    sweep.run_sweep(value_sweep(family, "", reward=reward), tmp_path)
