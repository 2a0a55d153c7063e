"""Particle Gibbs in plain Python, written apart from the library, with lists.

A particle is the list of its nodes, each a pair of number and status; one that
has ended stays as it is while others go on.
"""

import dataclasses
from fractions import Fraction

from tests.search import oracle, world

RUNS = 0


def entropic(weights, steps, max_steps):
  """By how much the temperature rises."""
  size = sum(weights) ** 2 / sum(weight**2 for weight in weights)
  part, progress = size / len(weights), steps / max_steps
  if part >= 0.5 or progress >= 0.5:
    return 1.0
  return max(1.0, (1 - progress) / part)


@dataclasses.dataclass
class Search:
  """One search.

  Attributes:
    draw: draw(round, turn) gives uniform numbers for ancestors, for candidates
      and for the reference; turns count from 0 in each round.
  """

  root: int
  rewards: list  # by number
  stop: int
  particles: int
  max_steps: int
  iterations: int
  temperature: float
  anneals: bool
  draw: object
  rounds: list = dataclasses.field(default_factory=list)  # {slot: number}
  candidates: list = dataclasses.field(default_factory=list)
  references: list = dataclasses.field(default_factory=list)
  turn: int = -1

  def run(self):
    reference = None
    for _ in range(self.iterations):
      reference = self.iterate(reference)
      self.references.append(reference)
    return self

  def iterate(self, reference):
    free = self.particles - (reference is not None)
    paths = [[] for _ in range(free)]
    for step in range(self.max_steps):
      paths = self.make_steps(paths, step, self.particles - free)
      known = paths if reference is None else [reference[: step + 1], *paths]
      weights = self.weights(known, step + 1)
      ancestors, outputs, kept = self.draw(len(self.rounds) - 1, self.turn)
      over = all(path[-1][1] != RUNS for path in known)
      if over or step + 1 == self.max_steps:
        break
      copies = oracle.multinomial(weights, ancestors, free)
      paths = _repeat(known, copies)
    total = sum(map(Fraction, weights))
    quotas = [Fraction(w) * self.particles / total for w in weights]
    self.candidates += _repeat(known, oracle.systematic(quotas, outputs))
    chosen = oracle.multinomial(weights, kept, 1)
    return known[chosen.index(1)]

  def make_steps(self, paths, step, first):
    """One more node of each path that runs; a round, if there is any."""
    made, longer = {}, []
    for column, path in enumerate(paths, start=first):
      slot = step * self.particles + column
      if path and path[-1][1] != RUNS:
        longer.append(path)
        continue
      number = world.child_number(path[-1][0] if path else self.root, slot)
      made[slot] = number
      longer.append([*path, (number, world.status_of(number, self.stop))])
    self.turn += 1
    if made:
      self.rounds.append(made)
      self.turn = 0
    return longer

  def weights(self, paths, steps):
    odds = []
    for path in paths:
      chance = min(max(self.rewards[path[-1][0]], 1e-6), 1 - 1e-6)
      odds.append((chance / (1 - chance)) ** (1 / self.temperature))
    if not self.anneals:
      return odds
    factor = entropic(odds, steps, self.max_steps)
    return [weight ** (1 / factor) for weight in odds]


def _repeat(paths, copies):
  return [
    path
    for path, count in zip(paths, copies, strict=True)
    for _ in range(count)
  ]
