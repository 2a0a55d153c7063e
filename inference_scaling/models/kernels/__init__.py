"""Pallas kernels, each for one kind of device."""
