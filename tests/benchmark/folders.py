"""A tiny random model as a checkpoint folder, which every engine can read."""

import pathlib

from inference_scaling import models
from inference_scaling.training import tokenizer as tokenizer_lib
from tests.sweep import tiny


def write_model(folder: pathlib.Path) -> pathlib.Path:
  """Writes it into a folder that is made."""
  tokenizer = tokenizer_lib.build_tokenizer()
  config = tiny.architecture(tokenizer, size=16, tied=True, kv_heads=1)
  models.save_model(models.initial_model(config, tokenizer, seed=0), folder)
  return folder
