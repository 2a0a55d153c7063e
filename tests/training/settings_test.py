"""The keys of trainings: what is shipped passes, mistakes are named."""

import importlib

import pytest

from configs import (
  finetune_policy,
  finetune_reward,
  train_policy,
  train_value,
)
from inference_scaling import training
from inference_scaling.training import settings

_KINDS = {
  "finetune_policy": settings.Finetuning,
  "finetune_reward": settings.Finetuning,
  "train_policy": settings.Policy,
  "train_reward": settings.Reward,
  "train_value": settings.Value,
}


def shipped(name, *argument):
  return importlib.import_module(f"configs.{name}").get_config(*argument)


@pytest.mark.parametrize("name", _KINDS)
def test_shipped_configs_pass(name):
  settings.check(shipped(name), _KINDS[name])


@pytest.mark.parametrize(
  ("module", "names"),
  [
    (train_policy, train_policy.SIZES),
    (finetune_policy, finetune_policy.RUNS),
    (finetune_reward, finetune_reward.RUNS),
    (train_value, [""]),
  ],
)
def test_all_sizes_pass(module, names):
  kind = _KINDS[module.__name__.rpartition(".")[2]]
  for name in names:
    settings.check(module.get_config(name), kind)
    if module is not train_policy:
      settings.check(module.get_config(f"{name},runlocal"), kind)


@pytest.mark.parametrize("name", _KINDS)
def test_a_missing_key_is_named(name):
  for key in shipped(name):
    config = shipped(name).to_dict()
    del config[key]
    with pytest.raises(ValueError, match=rf"config\.{key} is missing"):
      settings.check(config, _KINDS[name])


@pytest.mark.parametrize("name", _KINDS)
@pytest.mark.parametrize(
  ("key", "value", "words"),
  [
    ("seed", -1, "a whole number of at least 0"),
    ("batch_size", 0, "a whole number of at least 1"),
    ("batch_size", 1.5, "a whole number of at least 1"),
    ("learning_rate", 0.0, "a number above 0"),
    ("learning_rate", float("nan"), "a number above 0"),
    ("checkpoint_every", 0, "a whole number of at least 1"),
    ("evaluate_every", "10", "a whole number of at least 1"),
    ("stesp", 10, "there is no such key"),
  ],
)
def test_a_wrong_value_is_named(name, key, value, words):
  config = shipped(name).to_dict() | {key: value}
  with pytest.raises(ValueError, match=rf"config\.{key} is .*{words}"):
    settings.check(config, _KINDS[name])


@pytest.mark.parametrize(
  ("key", "value", "words"),
  [
    ("layers", 1, "a list of one or more different values"),
    ("layers", "1", "a list of one or more different values"),
    ("layers", (1, 1), "a list of one or more different values"),
    ("held_out", float("nan"), "a number above 0 and at most 1"),
    ("steps", -3, "a whole number of at least 1"),
    ("dtype", "foo", "one of 'auto', 'float32'"),
  ],
)
def test_a_wrong_value_of_a_value_head_is_named(key, value, words):
  config = shipped("train_value").to_dict() | {key: value}
  with pytest.raises(ValueError, match=rf"config\.{key} is .*{words}"):
    settings.check(config, settings.Value)


@pytest.mark.parametrize("kind", training.TRAINERS)
def test_every_trainer_checks_its_keys_first(kind, tmp_path):
  with pytest.raises(ValueError, match=r"config has \d+ faults"):
    training.TRAINERS[kind]({"kind": kind}, tmp_path / "work")
  assert not (tmp_path / "work").exists()
