"""Accuracies of every size and voting method, with their intervals."""
