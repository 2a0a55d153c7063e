"""From an analysis to report.md, report.html and the files beside them."""
