"""How much memory a search takes, before anything is loaded."""
