"""The searches of a sweep, and of two models."""

import dataclasses

import numpy as np
import pytest

from inference_scaling import assets, decoding, models, search
from inference_scaling.decoding.memory import plan
from inference_scaling.models.checkpoints import digest
from inference_scaling.models.layers import hardware
from inference_scaling.models.rewards import value_file
from inference_scaling.plan import searches, workload
from inference_scaling.sweep import engine

CONFIG = {
  "task": {"kind": "synthetic", "count": 40},
  "policies": {"small": "embedded/policy_small", "big": "llemma_7b"},
  "reward": {"format": "native", "source": "embedded/reward"},
  "runs": {
    "greedy": {"strategy": "greedy"},
    "sampling": {"strategy": "sampling", "n": (16,), "seeds": (0, 1, 2)},
    "rebase": {"strategy": "rebase", "n": (4, 16)},
    "mcts": {"strategy": "mcts", "n": (8,), "root_children": 4, "children": 2},
  },
  "mesh": {"data": 2, "model": 4},
  "sampler": {"top_p": 0.9},
  "batch_size": 64,
}
TEXTS = {
  "policy": "llemma_7b", "reward": "llemma_34b", "reward_format": "llemma",
  "dtype": "bfloat16", "cache": "dense", "attention": "auto",
}  # fmt: skip
NUMBERS = {
  "problems": 4, "n": 64, "rows": None, "tree_tokens": None,
  "prompt_tokens": 512, "step_tokens": 256, "total_tokens": 1024,
  "max_steps": 25, "reward_step_tokens": 288, "reward_total_tokens": 1280,
  "num_problems": None,
}  # fmt: skip


def test_runs_that_differ_in_seed_share_their_programs():
  groups = searches.of_sweep(CONFIG, None)
  shapes = {
    one.workload.name: (one.workload.problems, one.workload.beams, one.num_runs)
    for one in groups
    if one.workload.name.startswith("small")
  }
  # P times N is the batch size, of at most 40 problems.
  assert shapes == {
    "small, greedy, n = 1": (40, 1, 1),
    "small, sampling, n = 16": (4, 16, 3),
    "small, rebase, n = 4": (16, 4, 1),
    "small, rebase, n = 16": (4, 16, 1),
    "small, mcts, n = 8": (engine.slots(64, 18, 40), 18, 1),
  }
  assert len(groups) == 2 * len(shapes)
  assert {one.num_problems for one in groups} == {40}
  assert {one.mesh for one in groups} == {(2, 4)}
  # Greedy decoding takes no filter, and so another program.
  filtered = {one.workload.name: one.workload.top_p for one in groups}
  assert not filtered["big, greedy, n = 1"]
  assert filtered["big, sampling, n = 16"]


def test_sources_may_be_published_architectures():
  groups = searches.of_sweep(CONFIG, 12)
  big = next(one for one in groups if one.workload.name.startswith("big"))
  assert big.workload.search.policy.num_layers == 32
  assert big.num_problems == 12


def test_a_function_of_the_user_s_own_cannot_be_planned():
  config = CONFIG | {
    "policies": {"mine": "python:package.module:make"},
    "reward": {"format": "none"},
    "runs": {"greedy": {"strategy": "greedy"}},
  }
  with pytest.raises(ValueError, match=r"package\.module.*of your own"):
    searches.of_sweep(config, None)


def test_two_models_search_by_rebase():
  work = searches.of_models(TEXTS, NUMBERS).workload
  assert work.search.reward.num_layers == 48 and work.has_model
  assert work.search.reward_limits.total_tokens == 1280
  assert work.strategy.static_part == search.rebase().static_part
  alone = searches.of_models(TEXTS | {"reward": ""}, NUMBERS).workload
  assert alone.search.reward_format == "none" and not alone.has_model
  assert alone.strategy.static_part == search.sampling().static_part


def test_a_model_of_whole_solutions_is_planned_with_sampling():
  texts = TEXTS | {"reward_format": "outcome_chat"}
  work = searches.of_models(texts, NUMBERS).workload
  assert work.strategy.static_part == search.sampling().static_part
  assert work.max_depth == 1
  for limits in (work.search.limits, work.search.reward_limits):
    assert limits.step_tokens == limits.total_tokens
  stepwise = searches.of_models(TEXTS, NUMBERS).workload
  assert stepwise.search.limits.step_tokens == 256


def test_tokens_that_a_row_is_given():
  group = searches.of_models(TEXTS, NUMBERS)
  assert group.passes(300, 40) == 300
  few = dataclasses.replace(
    group, workload=dataclasses.replace(group.workload, rows=10)
  )
  assert few.passes(300, 40) == 7 * 300  # 64 beams take turns on 10 rows
  looking = dataclasses.replace(
    group,
    workload=dataclasses.replace(
      group.workload, strategy=search.beam_search(2, lookahead=1)
    ),
  )
  assert looking.passes(300, 40) == 600
  mcts = next(
    one for one in searches.of_sweep(CONFIG, 12) if "mcts" in one.workload.name
  )
  # The root's children in two rounds, then a node a round; J is one more.
  assert mcts.passes(300, 40) == (2 + 7 + 1) * 40


def test_a_head_on_its_own_policy_is_planned_without_a_reward_model(tmp_path):
  policy = str(assets.resolve("embedded/policy_small"))
  config = models.open_checkpoint(policy).config
  described = value_file.Description(
    policy, digest.sha256(models.open_checkpoint(policy), policy), (1,),
    config.hidden_size, 0, vocabulary_sha256="",
  )  # fmt: skip
  weights = {"kernel": np.zeros(config.hidden_size), "bias": np.zeros(())}
  value_file.save(tmp_path, described, weights)
  sweep = CONFIG | {
    "policies": {"small": policy, "big": "embedded/policy_middle"},
    "reward": {"format": "value_head", "source": str(tmp_path)},
    "runs": {"rebase": {"strategy": "rebase", "n": (4,)}},
    "mesh": {"data": 1, "model": 1},
  }
  own, other = (
    next(
      one.workload
      for one in searches.of_sweep(sweep, 40)
      if one.workload.name.startswith(name)
    )
    for name in ("small", "big")
  )
  assert own.search.reward is None and own.search.value_layers == (1,)
  assert other.search.reward.num_layers == 1 and not other.search.value_layers
  planned = {
    work.name: plan.Plan(work.search).footprint(4, 4) for work in (own, other)
  }
  assert planned[own.name].reward_weights == 0
  assert planned[own.name].reward_beams == 0 < planned[own.name].policy_beams
  assert planned[other.name].reward_weights > 0
  device = hardware.Hardware(hardware.CPU, 1)
  reward = workload.make_reward(own, device)
  assert isinstance(reward, decoding.HiddenStateReward)
  assert workload.make_policy(own, device).value_layers == (1,)
