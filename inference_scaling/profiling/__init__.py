"""Profiles: where the time of a program goes, by named scopes of the source.

`phases.py` writes traces and sums them up; `hlo_names.py` reads which scope
each operation comes from. Programs in `launch/` do both by `--profile`.
"""

from inference_scaling.profiling.phases import SCOPES, Phase, report, trace

__all__ = ["SCOPES", "Phase", "report", "trace"]
