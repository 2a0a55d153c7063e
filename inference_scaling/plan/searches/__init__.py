"""The searches of a sweep, or of two models, as workloads."""

from inference_scaling.plan.searches.groups import Group, of_models, of_sweep
from inference_scaling.plan.searches.planned import architecture

__all__ = [
  "Group",
  "architecture",
  "of_models",
  "of_sweep",
]
