"""Training of the embedded models, and fine-tuning of published ones."""

from inference_scaling.training.data.math_shepherd import finetune_reward
from inference_scaling.training.data.metamath import finetune_policy
from inference_scaling.training.policy import train_policy
from inference_scaling.training.reward import train_reward
from inference_scaling.training.thinking import train_thinking
from inference_scaling.training.value.train import train_value

TRAINERS = {
  "finetune_policy": finetune_policy,
  "finetune_reward": finetune_reward,
  "policy": train_policy,
  "reward": train_reward,
  "thinking": train_thinking,
  "value": train_value,
}

__all__ = [
  "TRAINERS",
  "finetune_policy",
  "finetune_reward",
  "train_policy",
  "train_reward",
  "train_thinking",
  "train_value",
]
