"""A sweep compiled for devices that are not there: does it fit, how fast."""

from inference_scaling.plan.meshes import Fit, fit_here
from inference_scaling.plan.report import Options, check_flags, compile_for
from inference_scaling.plan.searches import of_models

__all__ = [
  "Fit",
  "Options",
  "check_flags",
  "compile_for",
  "fit_here",
  "of_models",
]
