"""Trains the reward model of the embedded family on the policies' own steps.

  python launch/train.py --config=configs/train_reward.py \
    --workdir=runs/train/reward

Draws solutions from the three embedded policies on problems that they did not
learn, labels every token by the known solution (a step label as in
Math-Shepherd, but exact and dense), and trains the largest policy to score
them. Its accuracy is on the card in inference_scaling/assets/reward/.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  """Makes the config."""
  config = ml_collections.ConfigDict()
  config.kind = "reward"
  config.seed = 1
  config.policies = {
    "small": "embedded/policy_small",
    "middle": "embedded/policy_middle",
    "large": "embedded/policy_large",
  }
  config.start = "large"
  config.problem_seed = 2
  config.train_problems = 4000
  config.validation_problems = 300
  config.samples_per_problem = 4
  # Labels as Math-Shepherd makes them, to be compared with the exact ones.
  config.agreement_problems = 60
  config.completions = 8
  config.num_slots = 64
  config.limits = {
    "prompt_tokens": 128,
    "step_tokens": 32,
    "total_tokens": 128,
    "max_steps": 8,
  }
  config.buckets = (((1, 2), 112), ((3, 4), 160), ((5, 6), 208))
  config.batch_size = 48
  config.right_batch_size = 16
  config.end_weight = 5.0
  config.imitation_weight = 1.0
  config.evaluation_size = 600
  config.steps = 150
  config.learning_rate = 0.002
  config.warmup_steps = 10
  config.decay_steps = 120
  config.checkpoint_every = 25
  config.evaluate_every = 25
  return config
