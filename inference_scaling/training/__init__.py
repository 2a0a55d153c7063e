"""Training of the embedded policies and of their reward model."""

from inference_scaling.training.policy import train_policy
from inference_scaling.training.reward import train_reward

TRAINERS = {"policy": train_policy, "reward": train_reward}

__all__ = ["TRAINERS", "train_policy", "train_reward"]
