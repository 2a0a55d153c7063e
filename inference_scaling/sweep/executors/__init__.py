"""Spreads a sweep over workers: processes here, jobs of Slurm, actors of Ray.

One driver cuts the sweep into tasks, starts workers and collects what they
record. Workers claim one task after another. All that they share are files.
"""

from inference_scaling.sweep.executors.options import FLAGS, is_shared
from inference_scaling.sweep.executors.sharing import leave_devices, run_sweep
from inference_scaling.sweep.executors.workdir import Workdir, open_workdir

__all__ = [
  "FLAGS",
  "Workdir",
  "is_shared",
  "leave_devices",
  "open_workdir",
  "run_sweep",
]
