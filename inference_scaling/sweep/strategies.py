"""The strategies that a config can name, with the numbers that each takes.

A strategy is named by its kind, "rebase", or by its kind and a word of the
user's that tells runs of the same kind with other numbers apart: "rebase/cold".
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from inference_scaling import search
from inference_scaling.search import allocation
from inference_scaling.search.particle_filter import TERMINALS
from inference_scaling.search.resampling import SCHEMES
from inference_scaling.sweep import rewards, rules

_LARGEST_SEED = 2**31 - 1  # what an int32 of JAX holds
GREEDY = "greedy"
MCTS = "mcts"

Numbers = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Shape:
  """Sizes of a search, which its programs are compiled for.

  Attributes:
    num_beams: N.
    num_rows: most beams of a problem that are active at once.
    max_depth: J, rounds of the search.
  """

  num_beams: int
  num_rows: int
  max_depth: int


@dataclasses.dataclass(frozen=True)
class Kind:
  """One kind of strategy.

  Attributes:
    numbers: rules of the keys that it takes beside policies, n and seeds.
    usual: the values that `solve` takes where it is told no others.
    make: makes the strategy out of n, these numbers and the most steps of a
      solution.
    shape: makes its sizes out of the same.
    needs_reward: whether it chooses beams by their rewards.
    needs_probabilities: whether these must lie between 0 and 1.
  """

  numbers: Mapping[str, rules.Rule]
  usual: Numbers
  make: Callable[[int, Numbers, int], search.Strategy]
  shape: Callable[[int, Numbers, int], Shape] = lambda n, numbers, max_steps: (
    Shape(n, n, max_steps)
  )
  needs_reward: bool = True
  needs_probabilities: bool = False


_DUPLICATES = {"duplicates": rules.one_of(*search.DUPLICATES)}
_BEAM_NUMBERS = {
  "children": rules.integer(1),
  "lookahead": rules.integer(0),
  **_DUPLICATES,
}
_BEAM_USUAL = {"children": 4, "lookahead": 0, "duplicates": search.KEEP}


def _mcts(n: int, numbers: Numbers, max_steps: int) -> search.Strategy:
  return search.mcts(expansions=n, max_steps=max_steps, **numbers)


def _mcts_shape(n: int, numbers: Numbers, max_steps: int) -> Shape:
  del max_steps  # a node is a step, whatever its depth
  root_children, children = numbers["root_children"], numbers["children"]
  num_beams, max_depth = search.mcts_shape(root_children, children, n)
  return Shape(num_beams, min(children, num_beams), max_depth)


KINDS: Mapping[str, Kind] = {
  # One beam at temperature 0: the engine sets both.
  GREEDY: Kind({}, {}, lambda n, x, steps: search.sampling(),
               needs_reward=False),
  "sampling": Kind({}, {}, lambda n, x, steps: search.sampling(),
                   needs_reward=False),
  "rebase": Kind(
    {
      "temperature": rules.number(0, above=True),
      "rule": rules.one_of(*allocation.RULES),
      **_DUPLICATES,
    },
    {"temperature": 0.1, "rule": "ceil", "duplicates": search.KEEP},
    lambda n, numbers, steps: search.rebase(**numbers),
  ),
  "beam_search": Kind(
    _BEAM_NUMBERS,
    _BEAM_USUAL,
    lambda n, numbers, steps: search.beam_search(**numbers),
  ),
  "dvts": Kind(
    {"subtree_beams": rules.integer(1), **_BEAM_NUMBERS},
    {"subtree_beams": 4, **_BEAM_USUAL},
    lambda n, numbers, steps: search.dvts(**numbers),
  ),
  "particle_filter": Kind(
    {
      "resampling": rules.one_of(*SCHEMES),
      "temperature": rules.number(0, above=True),
      "terminal": rules.one_of(*TERMINALS),
      **_DUPLICATES,
    },
    {
      "resampling": "systematic", "temperature": 1.0, "terminal": "resample",
      "duplicates": search.KEEP,
    },
    lambda n, numbers, steps: search.particle_filter(**numbers),
    needs_probabilities=True,
  ),
  MCTS: Kind(
    {
      "root_children": rules.integer(1),
      "children": rules.integer(1),
      "exploration": rules.number(0),
      **_DUPLICATES,
    },
    {
      "root_children": 4, "children": 2, "exploration": 1.0,
      "duplicates": search.KEEP,
    },
    _mcts,
    _mcts_shape,
  ),
}  # fmt: skip


def kind(strategy: str) -> Kind:
  """Finds the kind of a strategy.

  Args:
    strategy: "rebase", or "rebase/" and a word.

  Returns:
    The Kind.

  Raises:
    ValueError: if there is no such kind, or the word is missing.
  """
  name, slash, word = strategy.partition("/")
  if name not in KINDS or (slash and not word):
    raise ValueError(
      f"strategy is {strategy!r}; expected one of {', '.join(KINDS)}, or one "
      "of them, a slash and a word that tells its numbers apart."
    )
  return KINDS[name]


def is_greedy(strategy: str) -> bool:
  """Tells whether a strategy is greedy decoding, which takes no n or seed."""
  return kind(strategy) is KINDS[GREEDY]


def tables() -> dict[str, rules.Table]:
  """The keys of a block of runs, by the kind of its strategy.

  Greedy takes neither n nor seeds: nothing in it is drawn.

  Returns:
    For each kind the rules of its keys but `strategy`.
  """
  result = {}
  for name, kind in KINDS.items():
    table = {"policies": rules.several(rules.text()), **kind.numbers}
    if name != GREEDY:
      table["n"] = rules.several(rules.integer(1))
      table["seeds"] = rules.several(rules.integer(0, _LARGEST_SEED))
    result[name] = table
  return result


def check_reward(strategy: str, form: str, where: str) -> None:
  """Refuses a strategy that asks for more than a sweep's rewards give.

  Args:
    strategy: one that is known.
    form: of `config.reward`.
    where: what the error calls the strategy: "config.runs.tree.strategy".

  Raises:
    ValueError: if it chooses beams by rewards that there are not, or that are
      no probabilities where it needs such.
  """
  if _fits(kind(strategy), form):
    return
  found = "no probabilities" if rewards.has_scores(form) else "no rewards"
  free = sorted(name for name, other in KINDS.items() if _fits(other, form))
  raise ValueError(
    f"{where} is {strategy!r}, which chooses beams by their rewards, but the "
    f"form of rewards is {form!r}, which gives {found}; expected one of "
    f"{', '.join(free)}. Give a reward model, or leave this strategy out."
  )


def _fits(kind: Kind, form: str) -> bool:
  if kind.needs_reward and not rewards.has_scores(form):
    return False
  return rewards.has_probabilities(form) or not kind.needs_probabilities
