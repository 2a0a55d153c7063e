"""The strategies that a config can name, with the numbers that each takes."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from inference_scaling import search
from inference_scaling.search import allocation
from inference_scaling.sweep import rules

GREEDY = "greedy"

Numbers = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Kind:
  """One strategy by name.

  Attributes:
    numbers: rules of the keys that it takes beside policies, n and seeds.
    make: makes the strategy out of these numbers.
  """

  numbers: Mapping[str, rules.Rule]
  make: Callable[[Numbers], search.Strategy]


KINDS: Mapping[str, Kind] = {
  # One beam at temperature 0: the engine sets both.
  GREEDY: Kind({}, lambda numbers: search.sampling()),
  "sampling": Kind({}, lambda numbers: search.sampling()),
  "rebase": Kind(
    {
      "temperature": rules.number(0, above=True),
      "rule": rules.one_of(*allocation.RULES),
    },
    lambda numbers: search.rebase(numbers["temperature"], numbers["rule"]),
  ),
}


def tables() -> dict[str, rules.Table]:
  """The keys of a block of runs, by its strategy.

  Greedy takes neither n nor seeds: nothing in it is drawn.

  Returns:
    For each strategy the rules of its keys but `strategy`.
  """
  result = {}
  for name, kind in KINDS.items():
    table = {"policies": rules.several(rules.text()), **kind.numbers}
    if name != GREEDY:
      table["n"] = rules.several(rules.integer(1))
      table["seeds"] = rules.several(rules.integer(0))
    result[name] = table
  return result
