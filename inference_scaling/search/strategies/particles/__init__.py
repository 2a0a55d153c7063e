"""Particle methods: beams are resampled by their rewards."""
