"""Trains the embedded policy that thinks before it answers.

  python launch/train.py --config=configs/train_thinking.py \
    --workdir=runs/train/thinking

Draws attempts of the small embedded policy on problems that it did not learn,
and goes on training it on texts in which such attempts follow each other,
"Wait" between them, until one is right (Muennighoff et al., "s1", 2025,
arXiv:2501.19393, teach it by traces of a larger model). What it reached is on
its card in inference_scaling/assets/.
"""

import ml_collections

from configs import common


def get_config() -> ml_collections.ConfigDict:
  """Makes the config."""
  config = ml_collections.ConfigDict()
  config.kind = "thinking"
  config.seed = 1
  config.start = "embedded/policy_small"
  config.texts = dict(common.THINKING)
  # Each one token: what ends thinking must be, to be replaced by "Wait".
  config.words = ("<think>", "</think>", "Wait")
  config.problem_seed = 3
  config.train_problems = 3000
  config.validation_problems = 60
  config.samples_per_problem = 4
  config.num_slots = 64
  config.limits = {
    "prompt_tokens": 128,
    "step_tokens": 32,
    "total_tokens": 128,
    "max_steps": 8,
  }
  config.most_attempts = 5
  # Share of the texts whose thinking is cut somewhere: so a budget is met.
  config.cut = 0.15
  config.buckets = (((1, 2), 192), ((3, 4), 288), ((5, 6), 384))
  config.batch_size = 32
  config.steps = 480
  config.learning_rate = 0.005
  config.warmup_steps = 20
  config.decay_steps = 120
  config.checkpoint_every = 40
  config.evaluate_every = 40
  return config
