"""A policy and a reward of the user's own in a sweep: those of the README."""

import dataclasses
import importlib
import json
import shutil
import sys
import types

import jax
import numpy as np
import pytest

from inference_scaling import analysis, search, sweep
from inference_scaling.analysis.figures import style
from inference_scaling.analysis.trees import page
from tests.search import toy
from tests.sweep import own_models, tiny

SEEDS = {"policies": ("mine",), "n": (4,), "seeds": (0,)}
RUNS = {
  "greedy": {"strategy": "greedy", "policies": ("mine",)},
  "sampling": {"strategy": "sampling", **SEEDS},
  "rebase": {
    "strategy": "rebase", "temperature": 0.1, "rule": "ceil",
    "duplicates": "keep", **SEEDS,
  },
  "beam_search": {
    "strategy": "beam_search", "children": 2, "lookahead": 1,
    "duplicates": "keep", **SEEDS,
  },
  "mcts": {
    "strategy": "mcts", "root_children": 2, "children": 2, "exploration": 1.0,
    "duplicates": "keep", **SEEDS,
  },
}  # fmt: skip
MAX_STEPS = 4


def config(family, **changes):
  # Two slots of 4 beams: problems start in slots that others have left.
  values = {
    "policies": {"mine": own_models.POLICY}, "reward": own_models.REWARD,
    "runs": RUNS, **changes,
  }  # fmt: skip
  return tiny.config(family, **values)


@pytest.fixture(scope="module", autouse=True)
def my_models(tmp_path_factory):
  folder = own_models.write(tmp_path_factory.mktemp("own"))
  with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(folder))
    yield importlib.import_module("my_models")


@pytest.fixture(scope="module", autouse=True)
def quick_compilations():
  """Halves the time of a search; what is asserted does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def own(family, tmp_path_factory, my_models):
  """Folder of a finished sweep of a port."""
  folder = tmp_path_factory.mktemp("swept_own")
  return sweep.run_sweep(config(family), folder, say=lambda line: None)


def lines(workdir):
  return (workdir / "records.jsonl").read_bytes().splitlines(keepends=True)


def records(workdir, strategy=None):
  values = [json.loads(line) for line in lines(workdir)]
  return [r for r in values if strategy in (None, r["run"]["strategy"])]


def test_the_port_of_the_readme_is_short():
  policy, reward = own_models.blocks()
  count = lambda text: sum(bool(x.strip()) for x in text.splitlines())  # noqa: E731
  assert count(policy) < 80 and count(reward) < 20


def test_every_strategy_is_recorded(own):
  values = records(own)
  assert len(values) == len(RUNS) * len(tiny.GOLDS)
  for record in values:
    assert record["problem"]["gold"] == tiny.GOLDS[record["problem"]["id"]]
    for candidate in record["candidates"]:
      texts = [record["tree"]["texts"][i] for i in candidate["path"]]
      scores = [record["tree"]["scores"][i] for i in candidate["path"]]
      assert candidate["text"] == "".join(texts)
      assert candidate["step_scores"] == scores
      stated = candidate["text"][-1] if "answer is" in texts[-1] else None
      assert candidate["answer"] == stated
      assert (candidate["status"] == "finished") == (stated is not None)
  answers = {c["answer"] for r in values for c in r["candidates"]}
  assert len(answers) > 3 and None in answers


def test_greedy_is_one_candidate_and_samples_differ(own):
  texts = {
    strategy: [[c["text"] for c in r["candidates"]] for r in records(own, name)]
    for strategy, name in (("greedy", "greedy"), ("sampling", "sampling"))
  }
  assert {len(row) for row in texts["greedy"]} == {1}
  assert any(len(set(row)) == 4 for row in texts["sampling"])


def _searched(my_models, family, name):
  """The same searches by `run_search`, with the same keys."""
  policy, reward = my_models.make_policy(), my_models.make_reward()
  block = RUNS[name]
  skipped = ("strategy", "policies", "n", "seeds")
  hyperparameters = {k: v for k, v in block.items() if k not in skipped}
  beams, depth = 4, MAX_STEPS
  if name == "mcts":
    beams, depth = search.mcts_shape(2, 2, 4)
    hyperparameters |= {"expansions": 4, "max_steps": MAX_STEPS}
  if name == "greedy":
    beams = 1
  strategy = getattr(search, "sampling" if name == "greedy" else name)
  text = (family / "problems.jsonl").read_text()
  rows = [json.loads(line) for line in text.splitlines()]
  prompts = np.stack([policy.encode(row["question"]) for row in rows])
  keys = jax.vmap(jax.random.fold_in, (None, 0))(
    jax.random.key(0), np.array([row["id"] for row in rows])
  )
  params = [policy.params(policy.weights, t, 0, 1.0) for t in (1.0, 0.0)]
  final = search.run_search(
    policy.make(beams), reward.make(beams), strategy(**hyperparameters),
    params[name == "greedy"], (), prompts, keys, max_depth=depth,
    lookahead_params=params[1],
  )  # fmt: skip
  return [jax.tree.map(lambda leaf, p=p: np.asarray(leaf[p]), final.tree)
          for p in range(len(rows))]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RUNS))
def test_the_engine_takes_the_steps_of_run_search(own, my_models, family, name):
  trees = _searched(my_models, family, name)
  by_problem = {r["problem"]["id"]: r for r in records(own, name)}
  assert len(trees) == len(by_problem) == 6
  for number, tree in enumerate(trees):
    nodes = search.list_nodes(tree.parents, tree.active)
    at = nodes.rounds, nodes.slots
    recorded = by_problem[number]["tree"]
    contents = tree.contents[at]
    pieces = [
      "".join(my_models.PIECES[t] for t in step) for step in contents.tolist()
    ]
    assert recorded["texts"] == pieces
    assert recorded["scores"] == tree.scores[at].tolist()
    assert recorded["tokens"] == tree.num_tokens[at].tolist()
    assert recorded["status"] == tree.status[at].tolist()
    parents = [None if i < 0 else i for i in nodes.parents.tolist()]
    assert recorded["parents"] == parents
    assert recorded["rounds"] == nodes.rounds.tolist()
    paths = [list(candidate.path) for candidate in search.list_candidates(tree)]
    assert [c["path"] for c in by_problem[number]["candidates"]] == paths


def test_the_ledger_counts_what_was_asked_and_written(own, my_models):
  weights = my_models.make_policy().weights
  size = sum(leaf.size for leaf in jax.tree.leaves(weights))
  ahead = 0
  for record in records(own):
    ledger, made = record["ledger"], sum(record["tree"]["tokens"])
    # The look-ahead of beam search writes steps that are in no tree.
    extra = ledger["policy_decode"] - made
    ahead += extra
    assert extra == 0 or record["run"]["strategy"] == "beam_search"
    assert ledger["reward_scored"] == ledger["policy_decode"]
    kept = {i for c in record["candidates"] for i in c["path"]}
    used = sum(record["tree"]["tokens"][i] for i in kept)
    assert ledger["policy_discarded"] == ledger["policy_decode"] - used
    prompt_tokens = min(len(record["problem"]["question"]), my_models.PROMPT)
    assert ledger["policy_prefill"] == ledger["reward_prefill"] == prompt_tokens
    generated = 2 * size * ledger["policy_decode"]
    assert ledger["flops"] == {
      "paper": generated, "with_reward": generated,
      "full": generated + 2 * size * prompt_tokens,
    }  # fmt: skip
    assert ledger["flops_prefill"]["full"] == 2 * size * prompt_tokens
    assert ledger["cache_bytes"] > 0
  assert ahead > 0


def test_it_goes_on_after_a_stop_to_the_same_bytes(own, family, tmp_path):
  whole = lines(own)
  folder = tmp_path / "run"
  folder.mkdir()
  for name in ("config.json", "timings.jsonl"):
    (folder / name).write_bytes((own / name).read_bytes())
  # Killed in the middle of a line.
  cut = b"".join(whole[:9]) + whole[9][:40]
  (folder / "records.jsonl").write_bytes(cut)
  sweep.run_sweep(config(family), folder, say=lambda line: None)
  assert sorted(lines(folder)) == sorted(whole)


def test_a_folder_belongs_to_the_weights(own, family, my_models, monkeypatch):
  other = my_models.init(jax.random.key(1))
  monkeypatch.setattr(my_models, "init", lambda key: other)
  with pytest.raises(ValueError, match=r"files of policies\.mine\.sha256"):
    sweep.run_sweep(config(family), own)


@pytest.mark.parametrize("kind", ["policies", "reward"])
def test_a_folder_belongs_to_the_makers_and_what_they_cost(
  own, family, my_models, monkeypatch, kind
):
  before = lines(own)
  role = "policy" if kind == "policies" else "reward"
  make = getattr(my_models, f"make_{role}")
  other = lambda: dataclasses.replace(make(), flops_per_token=9e9)  # noqa: E731
  monkeypatch.setattr(my_models, "other", other, raising=False)
  source = "python:my_models:other"
  changes = {"policies": {"mine": source}}
  words = f'"{own_models.POLICY}" -> "{source}"'
  if kind == "reward":
    changes = {"reward": {**own_models.REWARD, "source": source}}
    words = f'"{own_models.REWARD["source"]}" -> "{source}"'
  with pytest.raises(ValueError, match=words):
    sweep.run_sweep(config(family, **changes), own)
  monkeypatch.setattr(my_models, f"make_{role}", other)
  with pytest.raises(ValueError, match=r"flops_per_token: \d.* -> 90000000"):
    sweep.run_sweep(config(family), own)
  assert lines(own) == before


def test_a_module_may_move_and_a_folder_may_lack_its_flops(
  own, family, my_models, monkeypatch, tmp_path
):
  folder = shutil.copytree(own, tmp_path / "moved")
  monkeypatch.setitem(sys.modules, "elsewhere", my_models)
  path = folder / "config.json"
  content = json.loads(path.read_text())
  del content["policies"]["mine"]["flops_per_token"]
  path.write_text(json.dumps(content))
  moved = {"mine": "python:elsewhere:make_policy"}
  said = []
  sweep.run_sweep(config(family, policies=moved), folder, say=said.append)
  assert said[-1] == "Nothing is left to compute."


def test_the_report_and_the_page_of_a_tree(own, tmp_path, monkeypatch):
  monkeypatch.setattr(style, "save", lambda figure, folder, name: [])
  report = analysis.write_report(own).read_text()
  assert "python:my_models:make_reward" in report and "mine" in report
  html = page.tree_page(records(own, "rebase")[0])
  assert "The answer is" in html and "apples" in html


class _Lengths(toy.TableReward):
  """Reads the steps of any policy."""

  def start(self, params, prompts):
    return ()

  def score(self, params, state, step, active):
    return state, step.num_tokens / (1 + step.num_tokens)

  def fork(self, state, parents):
    return state


@pytest.mark.slow
def test_policies_of_both_kinds_in_one_sweep(
  family, own, tmp_path, monkeypatch
):
  module = types.ModuleType("lengths")
  module.make = lambda: sweep.RewardPort(
    make=lambda num_beams: _Lengths(), parameters=3, version="1"
  )
  monkeypatch.setitem(sys.modules, "lengths", module)
  runs = {"sampling": RUNS["sampling"] | {"policies": ("mine", "large")}}
  policies = {"mine": own_models.POLICY, "large": str(family / "large")}
  reward = {"format": "python", "source": "python:lengths:make"}
  said = []
  folder = sweep.run_sweep(
    config(family, reward=reward, runs=runs, policies=policies), tmp_path,
    say=said.append,
  )  # fmt: skip
  assert "mine (" in said[0] and "large (" in said[0]
  texts = lambda values, policy: {  # noqa: E731
    r["problem"]["id"]: [c["text"] for c in r["candidates"]]
    for r in values if r["run"]["policy"] == policy
  }  # fmt: skip
  values = records(folder)
  assert texts(values, "mine") == texts(records(own, "sampling"), "mine")
  assert all(
    "ки" in text for row in texts(values, "large").values() for text in row
  )
  for record in values:
    tree, ledger = record["tree"], record["ledger"]
    tokens = np.float32(tree["tokens"])
    np.testing.assert_allclose(tree["scores"], tokens / (1 + tokens), rtol=1e-6)
    assert ledger["reward_scored"] == ledger["policy_decode"] > 0
    read = ledger["reward_scored"] + ledger["reward_prefill"]
    assert ledger["flops_reward"]["full"] == 6 * read
