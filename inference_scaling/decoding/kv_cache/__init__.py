"""Keys and values of beams: dense, or a tree that shares prefixes."""
