"""AB-MCTS-A in plain Python, written apart from the library, with objects.

A node keeps lists of all scores; posteriors are made of these anew each time.
"""

import dataclasses
import math
import statistics

from tests.search import world

RUNS = 0


@dataclasses.dataclass(eq=False)
class Node:
  """A node of the tree and the scores that it has heard of."""

  number: int
  parent: "Node | None" = None
  status: int = RUNS
  children: list = dataclasses.field(default_factory=list)
  scores: dict = dataclasses.field(
    default_factory=lambda: {"child": [], "gen": [], "cont": []}
  )

  @property
  def steps(self):
    return 0 if self.parent is None else self.parent.steps + 1


def normal(scores, prior):
  """Mean, degrees of freedom and scale of Student's t, as by Murphy."""
  m, kappa, nu, tau_squared = prior
  n = len(scores)
  mean = statistics.fmean(scores) if scores else 0.0
  total = statistics.pvariance(scores) * n if scores else 0.0
  shift = n * kappa * (m - mean) ** 2 / (kappa + n)
  squared = (nu * tau_squared + total + shift) / (nu + n)
  center = (kappa * m + n * mean) / (kappa + n)
  return center, nu + n, math.sqrt(squared / (kappa + n))


def student(uniforms, degrees):
  """Bailey's polar rule: as Box and Muller's, with heavier tails."""
  radius = degrees * ((1 - uniforms[0]) ** (-2 / degrees) - 1)
  return math.sqrt(radius) * math.cos(2 * math.pi * uniforms[1])


def beta(scores, prior):
  """The two numbers of a beta distribution; scores are parts of successes."""
  a, b = prior
  return a + sum(scores), b + sum(1 - score for score in scores)


@dataclasses.dataclass
class Search:
  """One search; `nodes` and `rounds` fill up in the order of making.

  Attributes:
    draw: draw(slot, kind, node, scores) of a posterior, for the node that goes
      into the slot; nodes are numbered as in `nodes`, and the root is None.
  """

  root: Node
  rewards: list  # by number
  stop: int
  generations: int
  batch: int
  max_steps: float
  draw: object
  nodes: list = dataclasses.field(default_factory=list)
  rounds: list = dataclasses.field(default_factory=list)

  def run(self):
    while len(self.nodes) < self.generations:
      first = len(self.nodes)
      slots = range(first, min(first + self.batch, self.generations))
      parents = [self.descend(self.root, slot) for slot in slots]
      self.rounds.append(list(slots))
      for slot, parent in zip(slots, parents, strict=True):
        number = world.child_number(parent.number, slot)
        status = world.status_of(number, self.stop)
        self.nodes.append(Node(number, parent, status))
      for slot in slots:
        node = self.nodes[slot]
        node.parent.children.append(node)
        self.tell(node, self.rewards[node.number])
    return self

  def tell(self, node, score):
    node.scores["child"].append(score)
    node.parent.scores["gen"].append(score)
    above = node.parent
    while above.parent is not None:
      above.scores["child"].append(score)
      above.parent.scores["cont"].append(score)
      above = above.parent

  def descend(self, node, slot):
    choices = [
      child
      for child in node.children
      if child.status == RUNS and child.steps < self.max_steps
    ]
    if not choices:
      return node
    drawn = {kind: self.sample(slot, kind, node) for kind in ("gen", "cont")}
    if drawn["gen"] >= drawn["cont"]:
      return node
    best = max(choices, key=lambda child: self.sample(slot, "child", child))
    return self.descend(best, slot)

  def sample(self, slot, kind, node):
    number = None if node is self.root else self.nodes.index(node)
    return self.draw(slot, kind, number, node.scores[kind])
