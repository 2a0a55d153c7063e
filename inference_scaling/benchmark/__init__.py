"""Benchmark: how fast the package is on a machine, beside other engines.

Models in `subjects.py`, what is drawn of them in `work.py`; a file for each
section of the table, and `engines/` for other libraries that do the same work.
`sections.py` puts them in order.
"""

from inference_scaling.benchmark.sections import (
  RIVALS,
  SECTIONS,
  Options,
  headline,
  run,
  setting,
)
from inference_scaling.benchmark.subjects import SUBJECTS
from inference_scaling.benchmark.table import Row, prepare, render, write
from inference_scaling.benchmark.work import Work

__all__ = [
  "RIVALS",
  "SECTIONS",
  "SUBJECTS",
  "Options",
  "Row",
  "Work",
  "headline",
  "prepare",
  "render",
  "run",
  "setting",
  "write",
]
