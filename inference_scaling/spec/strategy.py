"""The strategies: hyperparameters, defaults, needs and titles in one table.

A block of runs names its strategy by its kind, "rebase", or by its kind and a
word of the user's that tells runs with other hyperparameters apart:
"rebase/cold".
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import pydantic

from inference_scaling import names
from inference_scaling.spec.checking import choices, fields, messages

# Keys of a block that are no hyperparameters of its strategy.
_GRID = ("strategy", "policies", "n", "seeds")
_LARGEST_SEED = 2**31 - 1  # what an int32 of JAX holds


class Block(fields.Group):
  """Runs of one strategy: policies by n by seeds.

  Attributes:
    title: the name that readers know.
    needs_reward: whether it chooses beams by their rewards.
    needs_probabilities: whether these must lie between 0 and 1.
  """

  title: ClassVar[str]
  needs_reward: ClassVar[bool] = True
  needs_probabilities: ClassVar[bool] = False

  strategy: fields.Text = pydantic.Field(
    description="Kind of the strategy, or its kind, a slash and a word."
  )
  policies: fields.several(fields.Text) | None = pydantic.Field(
    None, description="Names from config.policies; all of them by default."
  )

  @property
  def hyperparameters(self) -> dict[str, Any]:
    """The strategy's own hyperparameters."""
    return {
      key: getattr(self, key)
      for key in type(self).model_fields
      if key not in _GRID
    }

  @property
  def sizes(self) -> tuple[int, ...]:
    """Each n: beams, or expansions of MCTS."""
    return (1,)

  @property
  def draws(self) -> tuple[int, ...]:
    """Each seed."""
    return (0,)


class Greedy(Block):
  """One beam at temperature 0: it takes neither n nor seeds."""

  title = "Greedy"
  needs_reward = False


class _Drawn(Block):
  """A strategy with draws."""

  n: fields.several(fields.integer(1)) = pydantic.Field(
    description="N, beams of a problem, or "
    "expansions of MCTS; each is one run more."
  )
  seeds: fields.several(fields.integer(0, _LARGEST_SEED)) = pydantic.Field(
    (0,), description="Seeds of the draws; each is one run more."
  )

  @property
  def sizes(self) -> tuple[int, ...]:
    """Each n."""
    return self.n

  @property
  def draws(self) -> tuple[int, ...]:
    """Each seed."""
    return self.seeds


class Sampling(_Drawn):
  """Independent samples."""

  title = "Sampling"
  needs_reward = False


class _Tree(_Drawn):
  """A strategy that chooses among beams."""

  duplicates: fields.one_of(*names.DUPLICATES) = pydantic.Field(
    names.KEEP,
    description="What is done about beams with the same steps: all are kept, "
    "only the first one is, or it stands for all.",
  )


class Rebase(_Tree):
  """Widths in proportion to exponentials of rewards."""

  title = "REBASE"
  temperature: fields.number(0, above=True) = pydantic.Field(
    0.1, description="Temperature T_b of the softmax of the rewards."
  )
  rule: fields.one_of(*names.REBASE_RULES) = pydantic.Field(
    "ceil", description="How widths become whole numbers."
  )


class BeamSearch(_Tree):
  """The best beams have the same number of children each."""

  title = "Beam search"
  children: fields.integer(1) = pydantic.Field(
    4, description="Children of each beam that is kept."
  )
  lookahead: fields.integer(0) = pydantic.Field(
    0, description="Further greedy steps before a beam is scored."
  )


class Dvts(BeamSearch):
  """Diverse verifier tree search: beam search in separate subtrees."""

  title = "DVTS"
  subtree_beams: fields.integer(1) = pydantic.Field(
    4, description="Beams of each subtree."
  )


class ParticleFilter(_Tree):
  """Beams are resampled by their rewards."""

  title = "Particle filter"
  needs_probabilities = True
  resampling: fields.one_of(*names.RESAMPLING_SCHEMES) = pydantic.Field(
    "systematic", description="How the parents of new beams are drawn."
  )
  temperature: fields.number(0, above=True) = pydantic.Field(
    1.0, description="Temperature that logits of rewards are divided by."
  )
  terminal: fields.one_of(*names.TERMINALS) = pydantic.Field(
    "resample", description="Whether finished beams are resampled or kept."
  )


class Mcts(_Tree):
  """Monte Carlo tree search; n is the number of expansions."""

  title = "MCTS"
  root_children: fields.integer(1) = pydantic.Field(
    4, description="Children of the root."
  )
  children: fields.integer(1) = pydantic.Field(
    2, description="Children of other nodes."
  )
  exploration: fields.number(0) = pydantic.Field(
    1.0, description="The constant C of UCT."
  )


# In the order of tables and legends.
STRATEGIES: Mapping[str, type[Block]] = {
  "greedy": Greedy,
  "sampling": Sampling,
  "rebase": Rebase,
  "beam_search": BeamSearch,
  "dvts": Dvts,
  "particle_filter": ParticleFilter,
  "mcts": Mcts,
}
AnyBlock = choices.group_of("strategy", STRATEGIES, variants=True)


def kind_of(strategy: str) -> str:
  """The part of a strategy's name before its variant."""
  return strategy.partition("/")[0]


def block_of(strategy: str) -> type[Block]:
  """Finds the kind of a strategy.

  Args:
    strategy: "rebase", or "rebase/" and a word.

  Returns:
    Its row of the table.

  Raises:
    ValueError: if there is no such kind, or the word is missing.
  """
  found = choices.Choice("strategy", STRATEGIES, variants=True).find(strategy)
  if found is None:
    raise ValueError(
      f"strategy is {strategy!r}; expected one of {', '.join(STRATEGIES)}, or "
      "one of them, a slash and a word that tells its numbers apart."
    )
  return found


def is_greedy(strategy: str) -> bool:
  """Tells whether a strategy is greedy decoding, which takes no n or seed."""
  return block_of(strategy) is Greedy


def read_hyperparameters(
  strategy: str, hyperparameters: Mapping[str, Any]
) -> dict[str, Any]:
  """Completes the hyperparameters of a strategy with its defaults.

  Args:
    strategy: its kind, or its kind, "/" and a word.
    hyperparameters: those that differ from the defaults.

  Returns:
    All of them.

  Raises:
    ValueError: on one that there is not, or a value that is not allowed.
  """
  kind = block_of(strategy)
  known = {
    key: (field.annotation, field)
    for key, field in kind.model_fields.items()
    if key not in _GRID
  }
  group: type[fields.Group] = pydantic.create_model(
    "Numbers", __base__=fields.Group, **known
  )
  return messages.read(
    group, dict(hyperparameters), messages.HYPERPARAMETERS
  ).model_dump()
