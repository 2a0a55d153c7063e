"""The strategies, each written for one problem, and what they share."""
