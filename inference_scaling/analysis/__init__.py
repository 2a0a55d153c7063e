"""Records to estimates, frontiers, figures and a report, without a model.

Each folder imports only from those before it: `records` reads a sweep's file,
`estimates` makes accuracies with intervals of it, `theory` has their limits,
`comparison` and `claims` set strategies and policies against each other,
`stopping` replays rules that draw no more samples than they need,
`figures` and `trees` draw, and `report` writes it all down. A figure or a
section is one function in one file, see `registry`.
"""

from inference_scaling.analysis.estimates.outcomes import make_outcomes
from inference_scaling.analysis.estimates.panel import make_panel
from inference_scaling.analysis.estimates.summary import summarize
from inference_scaling.analysis.figures.error_vs_flops import error_vs_flops
from inference_scaling.analysis.records.find_record import (
  FoundRecord,
  find_record,
)
from inference_scaling.analysis.records.load import (
  Record,
  RecordError,
  read_records,
)
from inference_scaling.analysis.report.results import analyze
from inference_scaling.analysis.report.writing import write_report
from inference_scaling.analysis.trees.figure import search_tree
from inference_scaling.analysis.trees.page import (
  check_page,
  tree_page,
  write_tree,
)

__all__ = [
  "FoundRecord",
  "Record",
  "RecordError",
  "analyze",
  "check_page",
  "error_vs_flops",
  "find_record",
  "make_outcomes",
  "make_panel",
  "read_records",
  "search_tree",
  "summarize",
  "tree_page",
  "write_report",
  "write_tree",
]
