"""Metrics of a sweep as it grows, sent to a tracker; off by default.

Records stay the only results: whatever a tracker does, the sweep goes on.
"""

from inference_scaling.sweep.tracking.metrics import Metrics, tracked
from inference_scaling.sweep.tracking.tracker import (
  KINDS,
  Tracker,
  open_tracker,
)

__all__ = [
  "KINDS",
  "Metrics",
  "Tracker",
  "open_tracker",
  "tracked",
]
