"""The grid of runs: policies x strategies x n x seeds."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

from inference_scaling.spec import strategy


@dataclasses.dataclass(frozen=True)
class Run:
  """One pass over the problems.

  Attributes:
    policy: name of the policy.
    strategy: its kind, or its kind, "/" and a word.
    n: N, number of beams; expansions of MCTS or nodes of AB-MCTS.
    seed: of all random draws.
    hyperparameters: of the strategy; a sweep has one set for a name, so
      they do not tell runs apart.
    thinking: how long the policy thinks, if it does; likewise.
  """

  policy: str
  strategy: str
  n: int
  seed: int
  hyperparameters: Mapping[str, Any] = dataclasses.field(
    default_factory=dict, compare=False
  )
  thinking: Mapping[str, Any] = dataclasses.field(
    default_factory=dict, compare=False
  )

  @property
  def key(self) -> dict[str, Any]:
    """What a record says of its run."""
    return {
      "policy": self.policy,
      "strategy": self.strategy,
      "n": self.n,
      "seed": self.seed,
    }

  def __str__(self) -> str:
    return f"{self.policy} {self.strategy} n={self.n} seed={self.seed}"


def expand(blocks: Mapping[str, strategy.Block]) -> list[Run]:
  """Multiplies out the blocks of a sweep.

  Args:
    blocks: `Sweep.runs`.

  Returns:
    The runs, block by block.

  Raises:
    ValueError: if two blocks ask for the same run, or give one strategy other
      hyperparameters; records could not be told apart.
  """
  names: dict[Run, str] = {}
  first: dict[str, str] = {}
  for name, block in blocks.items():
    product = itertools.product(block.policies or (), block.sizes, block.draws)
    for policy, n, seed in product:
      run = Run(
        policy, block.strategy, n, seed, block.hyperparameters, block.thinking
      )
      if run in names:
        raise ValueError(
          f"config.runs.{name} and config.runs.{names[run]} both ask for "
          f"{run}; expected each run once. Take it out of one of them, or "
          "tell their strategies apart by a word: "
          f"{strategy.kind_of(block.strategy)}/{name}."
        )
      names[run] = name
    other = first.setdefault(block.strategy, name)
    _check_same(f"config.runs.{other}", blocks[other], name, block)
  return list(names)


def _check_same(
  path: str, before: strategy.Block, name: str, block: strategy.Block
) -> None:
  """Refuses other hyperparameters under the name of an earlier strategy.

  Args:
    path: of the earlier block.
    before: the earlier block, of the same strategy.
    name: of the block.
    block: the block.

  Raises:
    ValueError: naming both blocks, the key and both values.
  """
  for key, value in {**before.hyperparameters, **before.thinking}.items():
    new = getattr(block, key)
    if new != value:
      kind = strategy.kind_of(block.strategy)
      raise ValueError(
        f"config.runs.{name}.{key} is {new!r}, but {path}.{key} {value!r}, and "
        f"both are of strategy {block.strategy!r}; expected one value, since "
        "a report takes runs of one name together. Tell them apart by a word: "
        f"give config.runs.{name} the strategy '{kind}/WORD'."
      )


def by_cost(runs: list[Run], parameters: Mapping[str, int]) -> list[Run]:
  """Orders runs so that whole curves appear early.

  All of one seed come before the next seed; within a seed the cheap runs, by
  beams times the policy's parameters, come first.

  Args:
    runs: the runs.
    parameters: number of parameters by policy name.

  Returns:
    The same runs.
  """
  return sorted(
    runs,
    key=lambda run: (
      run.seed,
      run.n * parameters[run.policy],
      run.strategy,
      run.policy,
    ),
  )
