"""Rows of solutions and labels, as batches of tokens."""
