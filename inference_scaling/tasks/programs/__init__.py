"""Runs Python programs that nobody has read, in a box."""
