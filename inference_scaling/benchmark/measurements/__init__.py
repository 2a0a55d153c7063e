"""What is measured: each file makes rows of the table."""
