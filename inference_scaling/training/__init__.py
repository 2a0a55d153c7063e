"""Training of the embedded policies and of their reward model."""

from inference_scaling.training.policy import train_policy

TRAINERS = {"policy": train_policy}

__all__ = ["TRAINERS", "train_policy"]
