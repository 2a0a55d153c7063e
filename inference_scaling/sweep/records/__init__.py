"""Records: made, written, read again, shown."""
