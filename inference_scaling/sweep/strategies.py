"""Makes the strategies that a sweep names, and the sizes of their searches."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from inference_scaling import names, search, spec, stopping

Hyperparameters = Mapping[str, Any]


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


def make(
  strategy: str, n: int, hyperparameters: Hyperparameters, steps: int
) -> search.Strategy:
  """Makes a strategy.

  Args:
    strategy: its kind, or its kind, "/" and a word.
    n: beams, expansions of MCTS, or nodes of AB-MCTS.
    hyperparameters: its hyperparameters, all of them.
    steps: most steps of a solution.

  Returns:
    The strategy.
  """
  kind = spec.kind_of(strategy)
  if kind == _MCTS:
    return search.mcts(expansions=n, max_steps=steps, **hyperparameters)
  if kind == _AB_MCTS:
    return search.ab_mcts(max_steps=steps, **hyperparameters)
  if kind == _PARTICLE_FILTER:
    return _particle_filter(steps, **hyperparameters)
  if kind == _PARTICLE_GIBBS:
    return _particle_gibbs(n, steps, **hyperparameters)
  return _MAKERS[kind](**hyperparameters)


def shape(
  strategy: str, n: int, hyperparameters: Hyperparameters, steps: int
) -> Shape:
  """Says how large a search is.

  Args:
    strategy: as `make`.
    n: as `make`.
    hyperparameters: as `make`.
    steps: as `make`.

  Returns:
    Its sizes.
  """
  kind = spec.kind_of(strategy)
  if kind == _PARTICLE_GIBBS:
    iterations = hyperparameters["iterations"]
    num_beams, max_depth = search.particle_gibbs_shape(n, steps, iterations)
    return Shape(num_beams, n, max_depth)
  if kind == _AB_MCTS:
    batch = hyperparameters["batch"]
    num_beams, max_depth = search.ab_mcts_shape(n, batch)
    return Shape(num_beams, min(batch, num_beams), max_depth)
  if kind != _MCTS:
    return Shape(n, _most_at_once(kind, n, hyperparameters), steps)
  # A node is a step, whatever its depth.
  root_children, children = (
    hyperparameters["root_children"],
    hyperparameters["children"],
  )
  num_beams, max_depth = search.mcts_shape(root_children, children, n)
  return Shape(num_beams, min(children, num_beams), max_depth)


def _most_at_once(kind: str, n: int, hyperparameters: Hyperparameters) -> int:
  """Beams of n that draw at once: all, but where some wait for answers."""
  if kind == "adaptive_sampling":
    return stopping.most_at_once(
      stopping.make_rule(
        hyperparameters["rule"],
        hyperparameters["batch"],
        hyperparameters["threshold"],
      ),
      n,
    )
  if kind == "reward_threshold":
    return min(hyperparameters["batch"], n)
  if kind == _DEEPCONF:
    first, batch = hyperparameters["warmup"], hyperparameters["batch"]
    return min(n, max(first, batch or n - first))
  return n


def left_out(
  strategy: str, hyperparameters: Hyperparameters, scores: Sequence[float]
) -> list[bool]:
  """Says which candidates a strategy leaves out of all votes.

  Args:
    strategy: as `make`.
    hyperparameters: as `make`.
    scores: the last one of each candidate.

  Returns:
    Of each whether it is left out: where DeepConf searched, those below the
    bar; of other strategies none.
  """
  if spec.kind_of(strategy) != _DEEPCONF:
    return [False] * len(scores)
  numbers = hyperparameters["warmup"], hyperparameters["percent"]
  return (~search.reach_bar(np.asarray(scores), *numbers)).tolist()


def _particle_filter(
  steps: int, temperature_rule: str, **others: Any
) -> search.Strategy:
  entropic_steps = steps if temperature_rule == names.ENTROPIC else None
  return search.particle_filter(entropic_steps=entropic_steps, **others)


def _particle_gibbs(
  n: int, steps: int, temperature_rule: str, **others: Any
) -> search.Strategy:
  entropic = temperature_rule == names.ENTROPIC
  return search.particle_gibbs(n, steps, entropic=entropic, **others)


_PARTICLE_FILTER, _PARTICLE_GIBBS = "particle_filter", "particle_gibbs"
_DEEPCONF = "deepconf"
_MCTS = "mcts"  # what is called n of others is its number of expansions
_AB_MCTS = "ab_mcts"  # and here its number of nodes
_MAKERS: Mapping[str, Callable[..., search.Strategy]] = {
  "greedy": search.sampling,  # one beam at temperature 0: the engine sets both
  "sampling": search.sampling,
  "adaptive_sampling": search.adaptive_sampling,
  "reward_threshold": search.reward_threshold,
  _DEEPCONF: search.deepconf,
  "rebase": search.rebase,
  "beam_search": search.beam_search,
  "dvts": search.dvts,
}
