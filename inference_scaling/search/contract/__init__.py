"""The laws that a policy and a reward keep, tried on a user's objects."""
