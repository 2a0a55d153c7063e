"""Reward models: a decoder, a head and a format."""
