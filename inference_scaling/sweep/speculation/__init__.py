"""Policies of a sweep that are made of two."""
