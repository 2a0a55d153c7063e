"""Weights of one byte: formats, what they hold, and modules that have them."""
