"""From checkpoints to parameters and back."""
