"""From an analysis to report.md and the files beside it."""
