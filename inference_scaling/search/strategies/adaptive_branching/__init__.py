"""Monte Carlo tree search with adaptive branching (AB-MCTS)."""
