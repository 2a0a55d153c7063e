"""Votes in plain Python with fractions: every subset, every tie."""

import collections
import fractions
import itertools
import math

Fraction = fractions.Fraction


def pass_any(candidates):
  """Probability that a vote of an oracle is right: 0 or 1."""
  return Fraction(any(right for _, right, _ in candidates))


def majority(candidates):
  """Candidates are (answer or None, right, score); ties to the smallest."""
  counts = collections.Counter(a for a, _, _ in candidates if a is not None)
  return _right(counts, candidates)


def weighted(candidates):
  totals = collections.defaultdict(Fraction)
  for answer, _, score in candidates:
    if answer is not None:
      totals[answer] += 0 if math.isnan(score) else Fraction(float(score))
  return _right(totals, candidates)


def best_of(candidates):
  """Ties are shared by all candidates of the highest score that answer."""
  voters = [c for c in candidates if c[0] is not None]
  if not voters:
    return Fraction(0)
  scores = [-math.inf if math.isnan(c[2]) else float(c[2]) for c in voters]
  best = [
    right
    for (_, right, _), score in zip(voters, scores, strict=True)
    if score == max(scores)
  ]
  return Fraction(sum(best), len(best))


def over_subsets(vote, candidates, m):
  """Mean of a vote over all subsets of m candidates."""
  votes = [vote(s) for s in itertools.combinations(candidates, m)]
  return sum(votes, Fraction(0)) / len(votes)


def over_samples(vote, outcomes, n):
  """Mean of a vote over n draws from [(probability, candidate)]."""
  total = Fraction(0)
  for draw in itertools.product(outcomes, repeat=n):
    chance = math.prod((chance for chance, _ in draw), start=Fraction(1))
    total += chance * vote([candidate for _, candidate in draw])
  return total


def _right(totals, candidates):
  if not totals:
    return Fraction(0)
  winner = min(totals, key=lambda a: (-totals[a], a))
  return Fraction(next(bool(r) for a, r, _ in candidates if a == winner))
