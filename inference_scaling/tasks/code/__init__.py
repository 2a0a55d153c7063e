"""Problems whose solutions are programs: benchmarks, extraction, grading."""
