"""Trains a policy or a reward model: see configs/train_*.py."""

from typing import Any

from absl import app, flags, logging
from ml_collections import config_flags

from inference_scaling import launching, training

_CONFIG = config_flags.DEFINE_config_file(
  "config", None,
  "The config file of the training, such as configs/train_policy.py:small.",
)  # fmt: skip
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder of the checkpoints, such as runs/train/small."
)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  config = launching.read_config(_CONFIG)
  kind: Any = config.get("kind")
  if kind not in training.TRAINERS:
    raise ValueError(
      f"config.kind is {kind!r}; expected one of "
      f"{', '.join(training.TRAINERS)}, as in configs/train_policy.py."
    )
  logging.info("Training %s in %s.", kind, _WORKDIR.value)
  training.TRAINERS[kind](config, _WORKDIR.value)
  logging.info("The model is in %s/model.", _WORKDIR.value)


if __name__ == "__main__":
  launching.require("config", "workdir")
  launching.run(main)
