"""What is known of a checkpoint before it is loaded."""

import json

import numpy as np
import pytest
import safetensors.numpy

from inference_scaling import compute, models
from inference_scaling.sweep import checkpoints
from tests.sweep import tiny


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("family")
  models.save_model(tiny.policy(0.5, 0.5), folder / "policy")
  models.save_reward_model(tiny.reward(), folder / "reward")
  return folder


def test_a_digest_follows_weights_tokenizer_and_config(folder):
  path = folder / "policy"
  (path / "card.md").write_text("1")
  digests = {checkpoints.policy(str(path)).sha256()}
  raw = json.loads((path / "config.json").read_text())
  weights = safetensors.numpy.load_file(path / "model.safetensors")
  changed = {name: np.array(value) for name, value in weights.items()}
  changed["model.norm.weight"][0] += 1
  for change in (
    lambda: (path / "config.json").write_text(json.dumps(raw)),
    lambda: safetensors.numpy.save_file(changed, path / "model.safetensors"),
    lambda: (path / "tokenizer.json").write_text(
      (path / "tokenizer.json").read_text() + " "
    ),
  ):
    change()
    digests.add(checkpoints.policy(str(path)).sha256())
  assert len(digests) == 4
  (path / "card.md").write_text("2")
  assert checkpoints.policy(str(path)).sha256() in digests


def test_both_ends_of_a_large_file_count(tmp_path, monkeypatch):
  monkeypatch.setattr(checkpoints.digest, "_WHOLE", 100)
  monkeypatch.setattr(checkpoints.digest, "_ENDS", 10)
  digests = set()
  for position in (None, 5, 195):
    content = bytearray(200)
    if position is not None:
      content[position] = 1
    (tmp_path / "file").write_bytes(content)
    digests.add(checkpoints.digest._of_file(tmp_path / "file"))
  (tmp_path / "file").write_bytes(bytes(201))
  digests.add(checkpoints.digest._of_file(tmp_path / "file"))
  assert len(digests) == 4


def test_costs_follow_the_form_of_the_reward_model(folder):
  source = str(folder / "policy")
  stepwise = checkpoints.reward(source, "llemma")
  assert stepwise.cost == compute.step_reward_cost(stepwise.opened.config)
  own = checkpoints.reward(str(folder / "reward"), "native")
  assert own.cost == compute.reward_cost(own.opened.config)
  policy = checkpoints.policy(source)
  loaded = models.load_model(source)
  assert policy.parameters == loaded.num_parameters


def test_a_policy_is_no_reward_model_of_our_own(folder):
  with pytest.raises(ValueError, match="LlamaForStepReward"):
    checkpoints.reward(str(folder / "policy"), "native")
  with pytest.raises(ValueError, match="LlamaForStepReward"):
    checkpoints.policy(str(folder / "reward"))
