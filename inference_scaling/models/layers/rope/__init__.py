"""Rotary positions: how they are scaled, and what is rotated by them."""
