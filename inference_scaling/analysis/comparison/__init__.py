"""Curves and configurations against each other: equal FLOPs, frontiers."""
