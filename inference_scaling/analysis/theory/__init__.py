"""Asymptotic accuracy of votes (n to infinity), and accuracy at finite n."""
