"""MCTS in plain Python, written apart from the library, with objects."""

import dataclasses
import math

from tests.search import world

RUNS, FINISHED, TRUNCATED, DROPPED = range(4)


class Node:
  """A node of the tree, with its statistics."""

  def __init__(self, number, parent, status):
    self.number, self.parent, self.status = number, parent, status
    self.children, self.visits, self.value = [], 0, 0.0
    self.is_expanded = False

  @property
  def steps(self):
    return 0 if self.parent is None else self.parent.steps + 1

  def back_up(self, value):
    self.visits += 1
    self.value = ((self.visits - 1) * self.value + value) / self.visits
    if self.parent is not None:
      self.parent.back_up(value)


@dataclasses.dataclass
class Search:
  """One search; `nodes` and `rounds` fill up in the order of making."""

  root: Node
  rewards: list  # by number
  stop: int
  root_children: int
  children: int
  exploration: float
  max_steps: int
  expansions: int
  same: int = 1
  duplicates: str = "keep"
  nodes: list = dataclasses.field(default_factory=list)
  rounds: list = dataclasses.field(default_factory=list)
  expanded: list = dataclasses.field(default_factory=list)

  def run(self):
    self.expand(self.root, self.root_children)
    while len(self.expanded) < self.expansions and self.is_open(self.root):
      self.expand(self.descend(self.root), self.children)
    return self

  def expand(self, node, width):
    node.is_expanded = True
    self.expanded.append(node)
    for start in range(0, width, self.children):
      ranks = range(start, min(start + self.children, width))
      self.rounds.append([self.make(node, rank) for rank in ranks])
      self.judge(self.rounds[-1])

  def make(self, node, rank):
    number = world.child_number(node.number, rank // self.same)
    child = Node(number, node, world.status_of(number, self.stop))
    node.children.append(child)
    self.nodes.append(child)
    return child

  def judge(self, siblings):
    for node in siblings:
      alike = [twin for twin in siblings if twin.number == node.number]
      count = 1
      if self.duplicates == "drop" and alike[0] is not node:
        node.status = DROPPED
      if self.duplicates == "merge" and node.status in (RUNS, DROPPED):
        count = len(alike)
        if alike[0] is not node:
          node.status = DROPPED
      if node.status != DROPPED:
        for _ in range(count):
          node.back_up(self.rewards[node.number])

  def is_open(self, node):
    if node.is_expanded:
      return any(self.is_open(child) for child in node.children)
    return node.status == RUNS and node.steps < self.max_steps

  def descend(self, node):
    if not node.is_expanded:
      return node
    choices = [child for child in node.children if self.is_open(child)]
    return self.descend(max(choices, key=self.uct))  # the first of equals

  def uct(self, node):
    bonus = math.sqrt(math.log(node.parent.visits) / node.visits)
    return node.value + self.exploration * bonus
