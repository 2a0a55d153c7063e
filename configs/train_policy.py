"""Trains one policy of the embedded family on synthetic solutions.

  python launch/train.py --config=configs/train_policy.py:middle \
    --workdir=runs/train/middle

The argument is the size: small (0.1M parameters), middle (0.4M) or large
(1.6M), about four times apart. Supervised training as in the paper's Table 2,
on step-by-step solutions of the synthetic benchmark instead of MetaMath. What
each size cost and reached is on the cards in inference_scaling/assets/.
"""

import ml_collections

SIZES = {
  "small": {
    "hidden_size": 64, "intermediate_size": 128, "num_layers": 3,
    "num_heads": 2, "num_kv_heads": 1, "head_dim": 32,
  },
  "middle": {
    "hidden_size": 128, "intermediate_size": 256, "num_layers": 3,
    "num_heads": 4, "num_kv_heads": 2, "head_dim": 32,
  },
  "large": {
    "hidden_size": 192, "intermediate_size": 512, "num_layers": 4,
    "num_heads": 4, "num_kv_heads": 2, "head_dim": 48,
  },
}  # fmt: skip
# Stay at the highest rate, then fall.
STEPS = {"small": 402, "middle": 320, "large": 340}

DECAY_STEPS = {"small": 2, "middle": 20, "large": 40}


def get_config(size: str = "middle") -> ml_collections.ConfigDict:
  """Makes the config of one size."""
  if size not in SIZES:
    raise ValueError(f"size is {size!r}; expected one of {sorted(SIZES)}.")
  config = ml_collections.ConfigDict()
  config.kind = "policy"
  config.seed = 1
  config.architecture = {
    **SIZES[size],
    "norm_eps": 1e-5,
    "rope_theta": 10_000.0,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
  }
  config.buckets = (((1, 2), 112), ((3, 4), 160), ((5, 6), 208))
  config.batch_size = 64
  config.evaluation_batch_size = 256
  config.steps = STEPS[size]
  config.learning_rate = 0.01
  config.warmup_steps = 50
  config.decay_steps = DECAY_STEPS[size]
  config.checkpoint_every = 100
  config.evaluate_every = 100
  return config
