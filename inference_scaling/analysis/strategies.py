"""Kinds and variants of strategies: their names, their order, main variants.

A strategy is named KIND or KIND/VARIANT. The kind says what it does; variants
are runs of one kind with other numbers.
"""

import re
from collections.abc import Iterable

from inference_scaling import spec
from inference_scaling.analysis import votings

GREEDY, SAMPLING, REBASE, MCTS = "greedy", "sampling", "rebase", "mcts"
# In the order of tables and legends.
KIND_NAMES = {name: block.title for name, block in spec.STRATEGIES.items()}
kind_of = spec.kind_of


def strategy_name(strategy: str) -> str:
  """The name that readers know: "REBASE (round)".

  Args:
    strategy: KIND or KIND/VARIANT; a kind that is not in KIND_NAMES keeps its
      own name.

  Returns:
    The name.
  """
  kind, _, variant = strategy.partition("/")
  name = KIND_NAMES[kind] if kind in KIND_NAMES else kind
  return f"{name} ({variant})" if variant else name


def in_order(strategies: Iterable[str]) -> list[str]:
  """Orders distinct strategies by kind, then by variant, the bare kind first.

  Numbers in variants count as numbers: root4 comes before root16.

  Args:
    strategies: names, which may be repeated.

  Returns:
    Each name once.
  """
  kinds = list(KIND_NAMES)

  def rank(strategy: str) -> tuple[int, str, list[str | int]]:
    kind, _, variant = strategy.partition("/")
    known = kind in KIND_NAMES
    # Numbers have the odd indices.
    words: list[str | int] = [*re.split(r"(\d+)", variant)]
    words[1::2] = map(int, words[1::2])
    return kinds.index(kind) if known else len(kinds), kind, words

  return sorted(set(strategies), key=rank)


def variants_of(strategies: Iterable[str]) -> dict[str, list[str]]:
  """Groups strategies by kind.

  Args:
    strategies: names, which may be repeated.

  Returns:
    kind -> its strategies, all in the order of `in_order`.
  """
  groups: dict[str, list[str]] = {}
  for strategy in in_order(strategies):
    groups.setdefault(kind_of(strategy), []).append(strategy)
  return groups


def main_strategies(strategies: Iterable[str]) -> list[str]:
  """One strategy of each kind: the bare kind, or else its first variant.

  Args:
    strategies: names, which may be repeated.

  Returns:
    The main ones, in order.
  """
  return [group[0] for group in variants_of(strategies).values()]


def main_of(kind: str, strategies: Iterable[str]) -> str | None:
  """The main strategy of one kind; None if there is none."""
  groups = variants_of(strategies)
  return groups[kind][0] if kind in groups else None


def votes_by_reward(strategy: str, voting: str) -> bool:
  """Whether a vote or the strategy behind it reads rewards, and pays for them.

  Args:
    strategy: KIND or KIND/VARIANT; a kind that is not known reads them.
    voting: method of the vote.

  Returns:
    False for votes that read none of what was chosen without any.
  """
  kind = kind_of(strategy)
  free = kind in spec.STRATEGIES and not spec.STRATEGIES[kind].needs_reward
  return not free or votings.reads_reward(voting)


def counts_candidates(strategy: str) -> bool:
  """Whether n is the number of candidates, and can be compared at equal n.

  Where beams are nodes of a tree it is that of expansions, of steps or of the
  beams of each filter.

  Args:
    strategy: KIND or KIND/VARIANT; a kind that is not known counts candidates.

  Returns:
    False for both kinds of MCTS and for particle Gibbs.
  """
  kind = kind_of(strategy)
  return kind not in spec.STRATEGIES or not spec.STRATEGIES[kind].keeps_nodes


def draws_all(strategy: str) -> bool:
  """Whether there are n candidates, each of which costs an n-th.

  Args:
    strategy: KIND or KIND/VARIANT; a kind that is not known draws all.

  Returns:
    False where n counts no candidates, or is the most that are drawn.
  """
  block = spec.STRATEGIES.get(kind_of(strategy))
  return counts_candidates(strategy) and not (block and block.stops_early)


def is_independent(strategy: str) -> bool:
  """Whether the candidates of a strategy are independent samples."""
  return kind_of(strategy) == SAMPLING
