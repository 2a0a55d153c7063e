"""How groups of keys are checked, and what is said where they are wrong."""
