"""Records to estimates, frontiers, figures and a report; no model in it."""

from inference_scaling.analysis.find_record import FoundRecord, find_record
from inference_scaling.analysis.load import Record, RecordError, read_records
from inference_scaling.analysis.outcomes import make_outcomes
from inference_scaling.analysis.panel import make_panel
from inference_scaling.analysis.report import write_report
from inference_scaling.analysis.results import analyze
from inference_scaling.analysis.summary import summarize
from inference_scaling.analysis.tree_figure import search_tree
from inference_scaling.analysis.tree_html import tree_page, write_tree

__all__ = [
  "FoundRecord",
  "Record",
  "RecordError",
  "analyze",
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
