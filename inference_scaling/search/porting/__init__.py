"""Adapters for states of other layouts, and for whole steps."""
