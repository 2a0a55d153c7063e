"""Several folders in one report."""
