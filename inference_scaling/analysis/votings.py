"""Voting methods: their names, and which of them are compared."""

from inference_scaling import names

PASS = "pass"  # an oracle picks: right if any candidate is right
MAJORITY = names.MAJORITY
BEST_OF_N = names.BEST_OF_N
WEIGHTED = names.WEIGHTED
NO_AGGREGATION = "none"  # of methods that read no step scores


def main_voting(aggregation: str) -> tuple[str, str]:
  """Voting and aggregation of the curves that figures and claims compare.

  Args:
    aggregation: of step scores; NO_AGGREGATION without a reward model.

  Returns:
    Weighted voting by this aggregation; without one, majority voting.
  """
  unrewarded = aggregation == NO_AGGREGATION
  return (MAJORITY if unrewarded else WEIGHTED), aggregation


def voting_methods(aggregation: str) -> list[tuple[str, str]]:
  """Voting and aggregation of majority, best-of-n and weighted voting.

  Args:
    aggregation: of step scores; NO_AGGREGATION without a reward model.

  Returns:
    The three; majority voting alone without a reward model.
  """
  majority = (MAJORITY, NO_AGGREGATION)
  if aggregation == NO_AGGREGATION:
    return [majority]
  return [
    majority,
    (BEST_OF_N, aggregation),
    (WEIGHTED, aggregation),
  ]
