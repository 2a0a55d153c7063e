"""The engine: problems in flight, refilled as they finish."""
