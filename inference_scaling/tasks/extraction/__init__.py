"""Which answer a solution states: boxes, tags and sentences."""
