"""What the searches of a sweep share comes from its config."""

import dataclasses

import pytest

from inference_scaling import names, spec
from inference_scaling.sweep import settings as settings_lib
from tests.sweep import tiny


def read(*args, **changes):
  return spec.read_sweep(tiny.config(*args, **changes))


def test_a_sweep_is_of_one_dtype_when_it_begins(tmp_path, monkeypatch):
  """That of the machine, and of no other when it goes on elsewhere."""
  monkeypatch.setattr(settings_lib.formats, "fastest", lambda hardware: "int8")
  assert settings_lib.choose_dtype(read(tmp_path, dtype="auto")).dtype == "int8"
  given = read(tmp_path, dtype="bfloat16")
  assert settings_lib.choose_dtype(given) is given


EXTERNAL = {
  "format": "llemma", "source": "x", "prompt_tokens": 40, "step_tokens": 20,
  "total_tokens": 60,
}  # fmt: skip


def test_settings_are_those_of_the_config(tmp_path):
  settings = settings_lib.make_settings(read(tmp_path))
  assert settings.step_format.step_end == (" ки",)
  assert settings.step_format.answer_markers == ("The answer is",)
  limits = settings.limits
  assert (limits.prompt_tokens, limits.step_tokens) == (32, 8)
  assert (limits.total_tokens, limits.max_steps) == (32, 4)
  assert settings.sampler == spec.Sampler(temperature=1.0, top_k=0, top_p=1.0)
  assert settings.prompt == {"kind": "plain"}
  assert (settings.dtype, settings.mesh) == ("float32", None)
  assert (settings.reward_format, settings.reward_limits) == ("native", None)
  assert (settings.cache, settings.tree_tokens) == ("dense", None)
  tree = read(tmp_path, cache="tree", tree_tokens=70)
  settings = settings_lib.make_settings(tree)
  assert (settings.cache, settings.tree_tokens) == ("tree", 70)
  assert settings.attention == "auto"
  kernel = settings_lib.make_settings(read(tmp_path, attention="kernel"))
  assert kernel.attention == "kernel"


def test_a_foreign_reward_model_has_limits_of_its_own(tmp_path):
  config = read(tmp_path, reward=EXTERNAL, dtype="bfloat16")
  settings = settings_lib.make_settings(config)
  limits = settings.reward_limits
  assert (settings.reward_format, settings.dtype) == ("llemma", "bfloat16")
  assert (limits.prompt_tokens, limits.step_tokens) == (40, 20)
  assert (limits.total_tokens, limits.max_steps) == (60, 4)


def test_where_whole_solutions_are_scored_each_is_one_step(tmp_path):
  reward = {**EXTERNAL, "format": "outcome_chat"}
  del reward["step_tokens"]
  runs = {"sampling": {"strategy": "sampling", "n": (4,)}}
  settings = settings_lib.make_settings(
    read(tmp_path, reward=reward, runs=runs)
  )
  assert settings.step_format.whole
  assert settings.step_format.step_end == (" ки",)
  for limits, total in ((settings.limits, 32), (settings.reward_limits, 60)):
    assert (limits.step_tokens, limits.total_tokens) == (total, total)
    assert limits.max_steps == 1
  assert not settings_lib.make_settings(read(tmp_path)).step_format.whole
  with pytest.raises(ValueError, match=r"reward\.step_tokens is 20"):
    read(tmp_path, reward={**reward, "step_tokens": 20}, runs=runs)


def test_a_step_is_no_longer_than_all_of_them(tmp_path):
  settings = settings_lib.make_settings(read(tmp_path, reward=EXTERNAL))
  limits = dataclasses.replace(settings.reward_limits, total_tokens=19)
  with pytest.raises(ValueError, match=r"reward\.step_tokens is 20, more.*19"):
    dataclasses.replace(settings, reward_limits=limits)
  limits = dataclasses.replace(settings.limits, step_tokens=33)
  with pytest.raises(ValueError, match=r"^limits\.step_tokens is 33, more.*32"):
    dataclasses.replace(settings, limits=limits)


def test_a_mesh_is_made_of_all_devices(tmp_path):
  config = read(tmp_path, mesh={"data": 2, "model": 4})
  mesh = settings_lib.make_settings(config).mesh
  assert dict(mesh.shape) == {"data": 2, "model": 4}
  with pytest.raises(ValueError, match=r"2.*3.*8"):
    config = read(tmp_path, mesh={"data": 2, "model": 3})
    settings_lib.make_settings(config)


@pytest.mark.parametrize("reward_format", spec.REWARDS)
def test_votes_need_scores_and_scores_need_no_model(reward_format, tmp_path):
  reward = {**EXTERNAL, "format": reward_format, "body": "y"}
  reward = {
    key: reward[key] for key in spec.REWARDS[reward_format].model_fields
  }
  runs = {"greedy": {"strategy": "greedy"}}
  groups = {"confidence": {"window": 4}}
  sweep = read(tmp_path, reward=reward, runs=runs, **groups)
  assert bool(settings_lib.aggregations(sweep)) == (reward_format != "none")
  own = ("none", "likelihood", "self_certainty", "group_confidence")
  free = reward_format in own
  assert sweep.reward.has_model == (not free)
  outcome = reward_format in names.OUTCOME_FORMATS
  unbounded = outcome or reward_format in (*own[:1], *own[2:])
  assert sweep.reward.has_probabilities == (not unbounded)
