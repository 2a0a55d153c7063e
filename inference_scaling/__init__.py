"""Inference scaling laws in JAX: search strategies, decoding and analysis."""
