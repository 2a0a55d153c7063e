"""Arguments are held against what a search needs."""
