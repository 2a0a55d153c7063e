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
    needs_reward: whether it chooses beams by their rewards.
  """

  numbers: Mapping[str, rules.Rule]
  make: Callable[[Numbers], search.Strategy]
  needs_reward: bool = False


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
    needs_reward=True,
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


def check_rewards(blocks: Mapping[str, Mapping[str, Any]]) -> None:
  """Refuses strategies that a sweep without a reward model cannot run.

  Args:
    blocks: `config.runs`, with strategies that are known.

  Raises:
    ValueError: names the first block whose strategy needs rewards.
  """
  free = [name for name, kind in KINDS.items() if not kind.needs_reward]
  for name, block in blocks.items():
    if block["strategy"] not in free:
      raise ValueError(
        f"config.runs.{name}.strategy is {block['strategy']!r}, which chooses "
        "beams by their rewards, but config.reward says that there is no "
        f"reward model; expected one of {', '.join(sorted(free))}. Give a "
        "reward model, or take the block out."
      )
