"""Whether an answer equals the gold answer."""
