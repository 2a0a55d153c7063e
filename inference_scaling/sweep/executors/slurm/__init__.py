"""Workers as jobs of Slurm, submitted by submitit.

What becomes of them is read from squeue and from files: many sites lack sacct.
"""

from inference_scaling.sweep.executors.slurm.executor import Slurm

__all__ = ["Slurm"]
