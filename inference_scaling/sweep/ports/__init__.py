"""Policies and rewards of the user's own in a sweep."""
