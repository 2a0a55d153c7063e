"""Checks of the arguments of a search and the values of its functions."""
