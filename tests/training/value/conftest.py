"""A sweep of tiny policies whose solutions a value head learns from."""

import ml_collections
import pytest

from inference_scaling import sweep, training
from tests.sweep import tiny


def train_config(folder, draws, **changes):
  """A config like configs/train_value.py, for the policy "large"."""
  config = ml_collections.ConfigDict(
    {
      "kind": "value", "seed": 0, "policy": "large",
      "source": str(folder / "large"), "draws": str(draws), "held_out": 0.5,
      "step_end": (" ки",),
      "layers": (1,), "width": 4, "dtype": "float32", "batch_size": 8,
      "steps": 4, "learning_rate": 0.01, "weight_decay": 0.0,
      "checkpoint_every": 2, "evaluate_every": 2,
    }
  )  # fmt: skip
  config.update(changes)
  return config


@pytest.fixture(scope="session")
def family(tmp_path_factory):
  return tiny.write_family(tmp_path_factory.mktemp("value_family"))


@pytest.fixture(scope="session")
def draws(family, tmp_path_factory):
  """The folder of a sweep that has drawn solutions."""
  folder = tmp_path_factory.mktemp("draws")
  runs = {"sampling": {"strategy": "sampling", "n": (8,)}}
  sweep.run_sweep(
    tiny.config(family, runs=runs, reward={"format": "none"}), folder
  )
  return folder


@pytest.fixture(scope="session")
def trained(family, draws, tmp_path_factory):
  """The folder of a training."""
  folder = tmp_path_factory.mktemp("trained")
  training.train_value(train_config(family, draws), folder)
  return folder
