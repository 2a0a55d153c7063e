"""Rules that stop drawing, tried on recorded samples in every order."""
