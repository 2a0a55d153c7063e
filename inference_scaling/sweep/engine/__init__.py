"""Loaded models, and the searches of runs with them."""

from inference_scaling.sweep.engine.engine import Engine
from inference_scaling.sweep.engine.loaded import Loaded
from inference_scaling.sweep.engine.sizes import num_slots, shape, slots

__all__ = [
  "Engine",
  "Loaded",
  "num_slots",
  "shape",
  "slots",
]
