"""What a sweep says before and while it runs."""
