"""The figures of the report, and how all of them look."""
