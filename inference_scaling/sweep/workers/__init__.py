"""A sweep shared out among workers: a driver, tasks, and what all share."""
