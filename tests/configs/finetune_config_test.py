"""Configs of fine-tuning: Table 2's numbers, and models that are known."""

import importlib.util
import pathlib

import pytest

from inference_scaling import training
from inference_scaling.models import published

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"
TABLE_2 = {
  "pythia_410m": (8e-5, 768), "pythia_1.4b": (4e-5, 768),
  "pythia_2.8b": (3e-5, 768), "pythia_6.9b": (2e-5, 768),
  "pythia_12b": (1e-5, 768), "llemma_7b": (8e-6, 1024),
  "llemma_34b": (8e-6, 768),
}  # fmt: skip


def _load(name):
  path = CONFIGS / f"{name}.py"
  spec = importlib.util.spec_from_file_location(name, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.mark.parametrize("kind", ["finetune_policy", "finetune_reward"])
def test_every_model_has_a_config_and_a_small_one(kind):
  module = _load(kind)
  assert set(module.RUNS) <= set(published.published_names())
  for name in module.RUNS:
    config, small = (
      module.get_config(name),
      module.get_config(f"{name},runlocal"),
    )
    assert config.kind == kind and kind in training.TRAINERS
    assert set(config) == set(small)
    assert small.start == f"random/{name}"
    assert config.batch_size == 128
    assert config.microbatch_size % config.mesh.data == 0
    published_config = published.published_config(name)
    assert published_config.hidden_size % config.mesh.data == 0
    assert published_config.num_kv_heads % config.mesh.model == 0
  with pytest.raises(ValueError, match="llemma_7b"):
    module.get_config("llama")
  with pytest.raises(ValueError, match="'runlocal' alone or"):
    module.get_config("llemma_7b,small")
  first = next(iter(module.RUNS))
  assert module.get_config("runlocal") == module.get_config(f"{first},runlocal")


def test_policies_have_the_numbers_of_table_2():
  get_config = _load("finetune_policy").get_config
  for name, (rate, length) in TABLE_2.items():
    config = get_config(name)
    assert (config.learning_rate, config.max_length) == (rate, length)
    assert (config.dtype, config.epochs) == ("float32", 1)
    gsm8k = ("GSM_",) if name.startswith("pythia") else ()
    assert config.data.types == gsm8k


def test_the_reward_model_has_the_numbers_of_table_2():
  config = _load("finetune_reward").get_config("llemma_34b")
  assert (config.learning_rate, config.max_length) == (1e-5, 768)
  assert (config.dtype, config.epochs) == ("bfloat16", 2)
