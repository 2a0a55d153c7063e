"""Names in records: sweeps write them, the analysis reads them.

This module imports nothing, so that every other one can import it. The order of
each tuple is that of tables, legends and messages.
"""

# How the scores of a candidate's steps become one score.
LAST, MIN, MEAN, PRODUCT = "last", "min", "mean", "product"
AGGREGATIONS = (LAST, MIN, MEAN, PRODUCT)

# How candidates vote.
MAJORITY = "majority"
BEST_OF_N = "best_of_n"
WEIGHTED = "weighted"
SCORED = (BEST_OF_N, WEIGHTED)  # the methods that read scores

# How a candidate ended.
FINISHED, TRUNCATED, UNFINISHED = "finished", "truncated", "unfinished"
STATUSES = (FINISHED, TRUNCATED, UNFINISHED)

# The status of a step, by its number in a record's tree (see `search.base`).
DUPLICATE = "duplicate"
STEP_STATUSES = (UNFINISHED, FINISHED, TRUNCATED, DUPLICATE)

# What counts as a floating-point operation; see `compute.flops`.
PAPER, WITH_REWARD, FULL = "paper", "with_reward", "full"
CONVENTIONS = (PAPER, WITH_REWARD, FULL)


def vote_name(method: str, aggregation: str | None = None) -> str:
  """The key of a vote in a record: "majority", "weighted/last"."""
  return f"{method}/{aggregation}" if aggregation else method
