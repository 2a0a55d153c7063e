"""What a compiled program does, read from its text."""
