"""Voting methods: their names, and which of them are compared."""

from collections.abc import Sequence
from typing import NamedTuple

from inference_scaling import names

PASS = "pass"  # an oracle picks: right if any candidate is right
MAJORITY = names.MAJORITY
BEST_OF_N = names.BEST_OF_N
WEIGHTED = names.WEIGHTED
NO_AGGREGATION = "none"  # of methods that read no step scores
# Of CISC; likelihoods lie closer together than the other numbers.
TEMPERATURES = (0.1, 1.0)


class ConfidenceVote(NamedTuple):
  """A vote by how sure the policy was of its tokens.

  Attributes:
    voting: one of `confidence.PERCENTS`, or "softmax".
    statistic: what it reads: "token_confidence.lowest".
    temperature: of the softmax; None for others.
  """

  voting: str
  statistic: str
  temperature: float | None = None

  @property
  def aggregation(self) -> str:
    """The statistic, and the temperature where there is one."""
    if self.temperature is None:
      return self.statistic
    return f"{self.statistic}@{self.temperature:g}"


# Those that stand beside rules that stop sampling.
FEW_BY_CONFIDENCE = {
  "by confidence": ConfidenceVote(
    names.CONFIDENT, f"{names.TOKEN_CONFIDENCE}.lowest"
  ),
  "surest 90%": ConfidenceVote(
    names.TOP_90, f"{names.TOKEN_CONFIDENCE}.lowest"
  ),
  "surest 10%": ConfidenceVote(
    names.TOP_10, f"{names.TOKEN_CONFIDENCE}.lowest"
  ),
  "softmax of confidence": ConfidenceVote(
    names.SOFTMAX, f"{names.TOKEN_CONFIDENCE}.mean", 1.0
  ),
  "softmax of likelihood": ConfidenceVote(
    names.SOFTMAX, f"{names.LIKELIHOOD}.mean", 0.1
  ),
}


def confidence_votes(
  temperatures: Sequence[float] = TEMPERATURES,
) -> list[ConfidenceVote]:
  """Lists the votes that reports have where records say how sure policies were.

  Args:
    temperatures: of CISC's softmax.

  Returns:
    DeepConf's: weights and both filters by every statistic of the tokens'
    confidence. Then weights and CISC's softmax by the means of all measures.
  """
  own, means = names.TOKEN_CONFIDENCE, [f"{m}.mean" for m in names.MEASURES]
  return [
    *(
      ConfidenceVote(voting, f"{own}.{statistic}")
      for voting in (names.CONFIDENT, names.TOP_90, names.TOP_10)
      for statistic in names.STATISTICS
    ),
    *(ConfidenceVote(names.CONFIDENT, mean) for mean in means[1:]),
    *(
      ConfidenceVote(names.SOFTMAX, mean, temperature)
      for mean in means
      for temperature in temperatures
    ),
  ]


def reads_reward(voting: str) -> bool:
  """Whether a voting method needs the scores of a reward model."""
  return voting in names.SCORED


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
