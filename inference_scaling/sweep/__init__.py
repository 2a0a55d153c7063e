"""Sweeps: a grid of runs over problems, recorded so that nothing is lost.

A record is one problem solved once: its candidates, its tree, the votes and
what it cost. Everything in the reports is computed from records.
"""

from inference_scaling.sweep.ports import PolicyPort, RewardPort
from inference_scaling.sweep.rendering import render
from inference_scaling.sweep.run import SweepInterruptedError, run_sweep
from inference_scaling.sweep.settings import Settings
from inference_scaling.sweep.solve import EMBEDDED_SETTINGS, Solution, solve

__all__ = [
  "EMBEDDED_SETTINGS",
  "PolicyPort",
  "RewardPort",
  "Settings",
  "Solution",
  "SweepInterruptedError",
  "render",
  "run_sweep",
  "solve",
]
