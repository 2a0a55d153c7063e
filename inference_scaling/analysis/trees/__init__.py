"""The search tree of one record: as a picture, and as a page."""
