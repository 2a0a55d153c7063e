"""Trains a value head on the hidden states of a frozen policy."""
