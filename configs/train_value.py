"""Trains a value head on the hidden states of a frozen policy.

  python launch/sweep.py --config=configs/qwen25_gsm8k.py:draws
  python launch/train.py --config=configs/train_value.py \
    --workdir=runs/train/qwen25_value

The first draws solutions of Qwen2.5-Coder-0.5B on problems of GSM8K's train
split. The second computes the policy's hidden states over them once, and trains
a small head to tell at each token whether the solution will end correctly. The
result, runs/train/qwen25_value/model, is a reward of the format "value_head";
report/value.json says what it is worth on problems that are held out.

Any policy will do: config.source is its checkpoint, config.draws a sweep by
sampling, and config.policy its name there. With ":runlocal" it is the small
embedded one, and its solutions are those of the quick start:

  python launch/sweep.py --config=configs/demo.py
  python launch/train.py --config=configs/train_value.py:runlocal \
    --workdir=runs/train/small_value
"""

import ml_collections

from configs import common, qwen25_gsm8k


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to an embedded policy."""
  _, local = common.split_argument(arg)
  config = ml_collections.ConfigDict()
  config.kind = "value"
  config.seed = 0
  config.policy = qwen25_gsm8k.SMALL
  config.source = qwen25_gsm8k.POLICIES[qwen25_gsm8k.SMALL]
  config.draws = "runs/qwen25_gsm8k_draws"
  # What ends a step in the searches to come, for the report.
  config.step_end = ("\n",)
  # Of problems, likewise.
  config.held_out = 0.2
  # The body is cut after the last of these.
  config.layers = (12, 16, 20)
  config.width = 256
  # That of the draws and of the searches to come: the fastest of this machine.
  config.dtype = "auto"
  config.batch_size = 1024
  config.steps = 600
  config.learning_rate = 3e-4
  config.weight_decay = 0.1
  config.checkpoint_every = 100
  config.evaluate_every = 100
  if local:
    config.policy, config.source = "small", "embedded/policy_small"
    config.draws = "runs/demo"
    config.step_end = common.STEP_FORMAT["step_end"]
    config.layers, config.width = (1, 2), 32
  return config
