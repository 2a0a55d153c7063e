"""What the searches of a sweep share comes from its config."""

import pytest

from inference_scaling import sweep
from inference_scaling.sweep import rewards
from inference_scaling.sweep import settings as settings_lib
from tests.sweep import tiny

FOREIGN = {
  "form": "llemma", "source": "x", "prompt_tokens": 40, "step_tokens": 20,
  "total_tokens": 60,
}  # fmt: skip


def test_settings_are_those_of_the_config(tmp_path):
  settings = settings_lib.make_settings(tiny.config(tmp_path))
  assert settings.step_format.step_end == (" ки",)
  assert settings.step_format.answer_markers == ("The answer is",)
  limits = settings.limits
  assert (limits.prompt_tokens, limits.step_tokens) == (32, 8)
  assert (limits.total_tokens, limits.max_steps) == (32, 4)
  assert settings.sampler == sweep.Sampler(1.0, 0, 1.0)
  assert settings.prompt == {"kind": "plain"}
  assert (settings.dtype, settings.mesh) == ("float32", None)
  assert (settings.reward_form, settings.reward_limits) == ("own", None)
  assert (settings.cache, settings.tree_tokens) == ("dense", None)
  tree = tiny.config(tmp_path, cache="tree", tree_tokens=70)
  settings = settings_lib.make_settings(tree)
  assert (settings.cache, settings.tree_tokens) == ("tree", 70)


def test_a_foreign_reward_model_has_limits_of_its_own(tmp_path):
  config = tiny.config(tmp_path, reward=FOREIGN, dtype="bfloat16")
  settings = settings_lib.make_settings(config)
  limits = settings.reward_limits
  assert (settings.reward_form, settings.dtype) == ("llemma", "bfloat16")
  assert (limits.prompt_tokens, limits.step_tokens) == (40, 20)
  assert (limits.total_tokens, limits.max_steps) == (60, 4)


def test_a_step_is_no_longer_than_all_of_them(tmp_path):
  config = tiny.config(tmp_path, reward=FOREIGN | {"total_tokens": 19})
  with pytest.raises(ValueError, match=r"reward\.step_tokens is 20, more.*19"):
    settings_lib.make_settings(config)
  limits = {**config["limits"], "step_tokens": 33}
  with pytest.raises(ValueError, match=r"^limits\.step_tokens is 33, more.*32"):
    settings_lib.make_settings(tiny.config(tmp_path, limits=limits))


def test_a_mesh_is_made_of_all_devices(tmp_path):
  config = tiny.config(tmp_path, mesh={"data": 2, "model": 4})
  mesh = settings_lib.make_settings(config).mesh
  assert dict(mesh.shape) == {"data": 2, "model": 4}
  with pytest.raises(ValueError, match=r"2.*3.*8"):
    config = tiny.config(tmp_path, mesh={"data": 2, "model": 3})
    settings_lib.make_settings(config)


@pytest.mark.parametrize("form", rewards.TABLES)
def test_votes_need_scores_and_scores_need_no_model(form, tmp_path):
  config = tiny.config(tmp_path, reward={"form": form})
  assert bool(settings_lib.aggregations(config)) == (form != "none")
  free = form in ("none", "likelihood", "self_certainty")
  assert rewards.has_model(form) == (not free)
  unbounded = form in ("none", "self_certainty")
  assert rewards.has_probabilities(form) == (not unbounded)
