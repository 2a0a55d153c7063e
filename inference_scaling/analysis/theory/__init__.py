"""What votes converge to as candidates become many, and how fast."""
