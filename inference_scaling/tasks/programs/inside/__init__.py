"""What runs in a box; it imports nothing of the other packages."""
