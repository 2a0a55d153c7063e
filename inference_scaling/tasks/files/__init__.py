"""Problems from files: published benchmarks, and the user's own."""
