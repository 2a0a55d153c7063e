"""Searches in plain Python, one beam after the other, apart from the library.

A `select` here takes a function `draw(shape)` of uniform numbers and a list of
`Beam`, and returns parents and which slots go on.
"""

import dataclasses
import functools
import itertools
import math
from fractions import Fraction

import jax
import numpy as np

from inference_scaling import search
from tests.search import gibbs_oracle, oracle


@dataclasses.dataclass
class Beam:
  """What is in a slot; the number of a node is a whole path."""

  node: int = 0
  status: int = search.RUNNING
  active: bool = True
  score: float = 0.0
  multiplicity: int = 1

  @property
  def can_go_on(self):
    return self.active and self.status == search.RUNNING

  @property
  def holds_its_slot(self):
    return self.status in (search.FINISHED, search.TRUNCATED)


def _place(widths, free):
  """Children in slots: first ones stay, others take free slots in order."""
  parents = list(range(len(widths)))
  vacant = [n for n in parents if free[n] and not widths[n]]
  for parent, width in enumerate(widths):
    for _ in range(width - 1):
      parents[vacant.pop(0)] = parent
  return parents, [widths[parent] > 0 for parent in parents]


def sampling(draw, beams):
  """Every beam goes on from itself."""
  return list(range(len(beams))), [beam.can_go_on for beam in beams]


def rebase(temperature, rule):
  """The rules of REBASE in exact numbers."""

  def select(draw, beams):
    free = [not beam.holds_its_slot for beam in beams]
    running = [beam.can_go_on for beam in beams]
    if not any(running):
      return sampling(draw, beams)
    scores = [beam.score for beam in beams]
    times = [beam.multiplicity for beam in beams]
    problem = scores, running, sum(free), temperature, times
    if rule == "ceil":
      widths, _ = oracle.ceil_widths(*problem)
    elif rule == "round":
      quotas = oracle.quotas(*problem)
      widths = oracle.round_widths(quotas, scores, running, sum(free))
    elif rule == "exact":
      widths = oracle.exact_widths(oracle.quotas(*problem), scores, running)
    else:
      quotas = oracle.quotas(*problem)
      order = sorted(range(len(beams)), key=lambda n: (-scores[n], n))
      sorted_widths = oracle.systematic([quotas[n] for n in order], draw(()))
      widths = [sorted_widths[order.index(n)] for n in range(len(beams))]
    return _place(widths, free)

  return select


def beam_search(children):
  """The best ceil(B / children) beams share the budget B."""

  def select(draw, beams):
    free = [not beam.holds_its_slot for beam in beams]
    best = [n for n, beam in enumerate(beams) if beam.can_go_on]
    best.sort(key=lambda n: (-beams[n].score, n))
    best = best[: math.ceil(sum(free) / children)]
    widths = [0] * len(beams)
    for _, n in zip(range(sum(free)), itertools.cycle(best), strict=False):
      widths[n] += 1
    return _place(widths, free)

  return select


def dvts(children, subtree_beams):
  """A beam search in every run of slots."""

  def select(draw, beams):
    parents, active = [], []
    for start in range(0, len(beams), subtree_beams):
      subtree = beams[start : start + subtree_beams]
      chosen, going = beam_search(children)(draw, subtree)
      parents += [start + parent for parent in chosen]
      active += going
    return parents, active

  return select


def particle_filter(resampling, temperature, terminal, entropic_steps=None):
  """All particles, or those that run, by their odds."""
  steps = itertools.count(1)

  def select(draw, beams):
    free = [terminal == "resample" or not beam.holds_its_slot for beam in beams]
    particles = [
      beam.can_go_on or (beam.holds_its_slot and terminal == "resample")
      for beam in beams
    ]
    if not any(particles):
      return sampling(draw, beams)
    weights = []
    for beam, is_particle in zip(beams, particles, strict=True):
      chance = min(max(beam.score, 1e-6), 1 - 1e-6)
      odds = (chance / (1 - chance)) ** (1 / temperature)
      weights.append(odds * beam.multiplicity if is_particle else 0.0)
    if entropic_steps is not None:
      known = itertools.compress(weights, particles)
      factor = gibbs_oracle.entropic([*known], next(steps), entropic_steps)
      weights = [weight ** (1 / factor) for weight in weights]
    if resampling == "systematic":
      total = sum(map(Fraction, weights))
      quotas = [Fraction(weight) * sum(free) / total for weight in weights]
      copies = oracle.systematic(quotas, draw(()))
    else:
      copies = oracle.multinomial(weights, draw((len(beams),)), sum(free))
    parents, going = _place(copies, free)
    running = [beams[parent].can_go_on for parent in parents]
    return parents, [a and b for a, b in zip(going, running, strict=True)]

  return select


def _resolve(duplicates, beams):
  """Drops or merges beams of the same steps."""
  first = {}
  for beam in beams:
    beam.multiplicity = 1
    if duplicates == "keep" or beam.status == search.DROPPED:
      continue
    if duplicates == "merge" and beam.status != search.RUNNING:
      continue
    kept = first.setdefault((beam.node, beam.status), beam)
    if kept is not beam:
      beam.status = search.DROPPED
      kept.multiplicity += duplicates == "merge"


def _next(key, node, stop, greedy, branching=3):
  """The child that the toy policy goes to, and whether it is the last."""
  if greedy:
    draws = (node * 7 + 3) % 128 / 128, (node * 31 + 7) % 128 / 128
  else:
    draws = jax.random.uniform(key, (2,)).tolist()
  return node * branching + 1 + int(draws[0] * branching), draws[1] < stop


def _draw(key, shape):
  return jax.random.uniform(key, shape).tolist()


def _score_ahead(key, node, table, stop, num_steps):
  """The reward some greedy steps later."""
  for _ in range(num_steps):
    node, ends = _next(key, node, stop, greedy=True)
    if ends:
      break
  return float(table[node % len(table)])


def run(strategy, select, problem, world, num_beams, max_depth):
  """A search of one problem.

  Args:
    strategy: its `duplicates` and `lookahead` are used, nothing else.
    select: as above.
    problem: its number.
    world: a runs.World.
    num_beams: N.
    max_depth: J.

  Returns:
    For each depth: parents, active, scores, status, tokens and nodes made.
  """
  key, table = world.keys([problem])[0], np.asarray(world.table)[problem]
  stop = float(np.float32(world.stop))
  beams = [Beam() for _ in range(num_beams)]
  levels = []
  while len(levels) < max_depth and any(beam.active for beam in beams):
    depth_key = jax.random.fold_in(key, len(levels))
    tokens = [0] * num_beams
    made = [0] * num_beams
    for slot, beam in enumerate(beams):
      if not beam.active:
        continue
      beam_key = jax.random.fold_in(depth_key, slot)
      child, ends = _next(beam_key, beam.node, stop, world.greedy)
      made[slot], tokens[slot] = child, child - 3 * beam.node
      beam.node, beam.score = child, float(table[child % len(table)])
      if ends:
        beam.status = search.FINISHED
      elif len(levels) == max_depth - 1:
        beam.status = search.TRUNCATED
    _resolve(strategy.duplicates, beams)
    seen = [
      dataclasses.replace(
        beam,
        score=_score_ahead(
          depth_key,
          beam.node,
          table,
          stop,
          min(strategy.lookahead, max_depth - 1 - len(levels)),
        ),
      )
      if beam.can_go_on and strategy.lookahead
      else beam
      for beam in beams
    ]
    draw_key = jax.random.fold_in(depth_key, num_beams)
    parents, going = select(functools.partial(_draw, draw_key), seen)
    levels.append((
      parents, [beam.active for beam in beams],
      [np.float32(beam.score) for beam in beams],
      [beam.status for beam in beams], tokens, made,
    ))  # fmt: skip
    beams = [
      dataclasses.replace(beams[parent], active=on)
      for parent, on in zip(parents, going, strict=True)
    ]
    for beam in beams:
      beam.active &= beam.status == search.RUNNING
  return levels
