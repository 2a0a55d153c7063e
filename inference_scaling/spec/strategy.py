"""The strategies: hyperparameters, defaults, needs and titles in one table.

A block of runs names its strategy by its kind, "rebase", or by its kind and a
word of the user's that tells runs with other hyperparameters apart:
"rebase/cold".
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import pydantic
from typing_extensions import override

from inference_scaling import names
from inference_scaling.spec.checking import choices, fields, messages

# Keys of a block that are no hyperparameters of its strategy.
_GRID = ("strategy", "policies", "n", "seeds")
_THINKING = ("thinking_tokens", "waits")


class Block(fields.Group):
  """Runs of one strategy: policies by n by seeds.

  Attributes:
    title: the name that readers know.
    needs_reward: whether it chooses beams by their rewards.
    needs_steps: whether these must be of steps, not of whole solutions.
    needs_probabilities: whether these must lie between 0 and 1.
    only_format: the one format of rewards that it takes; None for several.
    keeps_nodes: whether a beam is a node of the tree, of one step, so that few
      of all beams are active at once.
    counts_steps: whether n bounds the steps of a search, so that a small one
      leaves solutions unfinished, and not its beams.
    stops_early: whether it may draw fewer candidates than n.
    least: the smallest n.
  """

  title: ClassVar[str]
  needs_reward: ClassVar[bool] = True
  needs_steps: ClassVar[bool] = True
  needs_probabilities: ClassVar[bool] = False
  only_format: ClassVar[str | None] = None
  keeps_nodes: ClassVar[bool] = False
  counts_steps: ClassVar[bool] = False
  stops_early: ClassVar[bool] = False
  least: ClassVar[int] = 1

  strategy: fields.Text = fields.required(
    "Kind of the strategy, or its kind, a slash and a word."
  )
  policies: fields.Texts | None = fields.key(
    None, "Names from config.policies and config.speculative; all by default."
  )
  thinking_tokens: fields.NonNegativeInt | None = fields.key(
    None,
    "Most tokens of thinking, which is then ended, for policies that think; no "
    "limit by default.",
  )
  waits: fields.PositiveInt | None = fields.key(
    None,
    "How often policies that think go on where they would end their thinking; "
    "never by default.",
  )

  @property
  def hyperparameters(self) -> dict[str, Any]:
    """The strategy's own hyperparameters."""
    return {
      key: getattr(self, key)
      for key in type(self).model_fields
      if key not in (*_GRID, *_THINKING)
    }

  @property
  def thinking(self) -> dict[str, Any]:
    """How long its policies think, None where there is no limit."""
    return {key: getattr(self, key) for key in _THINKING}

  @property
  def sizes(self) -> tuple[int, ...]:
    """Each n: beams, expansions of MCTS, or nodes of AB-MCTS."""
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

  n: Annotated[tuple[int, ...], fields.several(fields.PositiveInt)] = (
    fields.required(
      "N, beams of a problem (of each filter of particle Gibbs), expansions of "
      "MCTS or nodes of AB-MCTS; each is one run more."
    )
  )
  seeds: Annotated[tuple[int, ...], fields.several(fields.NonNegativeInt)] = (
    fields.key((0,), "Seeds of the draws; each is one run more.")
  )

  @property
  @override
  def sizes(self) -> tuple[int, ...]:
    return self.n

  @property
  @override
  def draws(self) -> tuple[int, ...]:
    return self.seeds


class Sampling(_Drawn):
  """Independent samples."""

  title = "Sampling"
  needs_reward = False


class AdaptiveSampling(_Drawn):
  """Independent samples, until their answers agree; n is the most of them."""

  title = "Adaptive sampling"
  stops_early = True
  needs_reward = False
  rule: Annotated[str, fields.one_of(*names.STOPPING_RULES)] = fields.key(
    "beta", "When answers agree enough to draw no more."
  )
  batch: fields.PositiveInt | None = fields.key(
    None,
    "Samples from one look at the answers to the next, or up to the first for "
    "'doubling'; by default 5 for 'window', 2 for 'doubling', else 1.",
  )
  threshold: fields.Fraction | None = fields.key(
    None,
    "At which the rule stops, from 0.5 to below 1: the probability that the "
    "leading answer stays ahead, 0.95 by default, or for 'doubling' the share "
    "of the samples that agree, 0.75; 'window' has none.",
  )

  @pydantic.model_validator(mode="after")
  def _check_rule(self) -> Self:
    window = self.rule == "window"
    if window and self.batch == 1:
      words = "a whole number of at least 2 beside the rule 'window'"
      raise fields.fail_at("batch", fields.WRONG, words, self.batch)
    if self.threshold is not None and (window or not 0.5 <= self.threshold < 1):
      words = "a number from 0.5 to 1, without 1"
      if window:
        words = "none beside the rule 'window': leave it out"
      raise fields.fail_at("threshold", fields.WRONG, words, self.threshold)
    return self


class DeepConf(_Drawn):
  """Samples stop where the policy was less sure than in the first ones."""

  title = "DeepConf"
  stops_early = True
  only_format = names.GROUP_CONFIDENCE
  warmup: fields.PositiveInt = fields.key(
    16, "First samples, which are drawn to their ends."
  )
  percent: fields.Percent = fields.key(
    90,
    "How many of a hundred first samples reach the bar, below which a sample "
    "stops: 90 (conservative) or 10, as published.",
  )
  batch: fields.PositiveInt | None = fields.key(
    None, "Samples that begin at once after the first ones; by default all."
  )
  consensus: fields.Fraction | None = fields.key(
    None,
    "Share of the votes, weighted by their scores, that one answer has when no "
    "more samples begin; 0.95 as published. By default all begin.",
  )


class RewardThreshold(_Drawn):
  """Independent samples, until one has a high reward; n is the most of them."""

  title = "Reward threshold"
  stops_early = True
  needs_steps = False
  threshold: fields.Real = fields.key(
    0.9, "Reward of an answer at which no more samples are drawn."
  )
  batch: fields.PositiveInt = fields.key(
    1, "Samples from one look at the rewards to the next."
  )


class _Tree(_Drawn):
  """A strategy that chooses among beams."""

  duplicates: Annotated[str, fields.one_of(*names.DUPLICATES)] = fields.key(
    names.KEEP,
    "What is done about beams with the same steps: all are kept, only the "
    "first one is, or it stands for all.",
  )


class Rebase(_Tree):
  """Widths in proportion to exponentials of rewards."""

  title = "REBASE"
  temperature: fields.PositiveFloat = fields.key(
    0.1, "Temperature T_b of the softmax of the rewards."
  )
  rule: Annotated[str, fields.one_of(*names.REBASE_RULES)] = fields.key(
    "ceil", "How widths become whole numbers."
  )


class BeamSearch(_Tree):
  """The best beams have the same number of children each."""

  title = "Beam search"
  children: fields.PositiveInt = fields.key(
    4, "Children of each beam that is kept."
  )
  lookahead: fields.NonNegativeInt = fields.key(
    0, "Further greedy steps before a beam is scored."
  )


class Dvts(BeamSearch):
  """Diverse verifier tree search: beam search in separate subtrees."""

  title = "DVTS"
  subtree_beams: fields.PositiveInt = fields.key(4, "Beams of each subtree.")


class ParticleFilter(_Tree):
  """Beams are resampled by their rewards."""

  title = "Particle filter"
  needs_probabilities = True
  resampling: Annotated[str, fields.one_of(*names.RESAMPLING_SCHEMES)] = (
    fields.key("systematic", "How the parents of new beams are drawn.")
  )
  temperature: fields.PositiveFloat = fields.key(
    1.0, "Temperature that logits of rewards are divided by."
  )
  terminal: Annotated[str, fields.one_of(*names.TERMINALS)] = fields.key(
    "resample", "Whether finished beams are resampled or kept."
  )
  temperature_rule: Annotated[str, fields.one_of(*names.TEMPERATURE_RULES)] = (
    fields.key(
      names.CONSTANT,
      "Whether the temperature is raised at first while few beams have most of "
      "the weight ('entropic').",
    )
  )


class ParticleGibbs(_Drawn):
  """Particle filters of n beams, each conditioned on a path of the last."""

  title = "Particle Gibbs"
  needs_probabilities = True
  keeps_nodes = True
  least = 2
  iterations: fields.PositiveInt = fields.key(
    2, "Filters, one after the other; each adds n candidates."
  )
  temperature: fields.PositiveFloat = fields.key(
    1.0, "Temperature that logits of rewards are divided by."
  )
  temperature_rule: Annotated[str, fields.one_of(*names.TEMPERATURE_RULES)] = (
    fields.key(
      names.CONSTANT,
      "Whether the temperature is raised at first while few beams have most of "
      "the weight ('entropic').",
    )
  )

  @pydantic.model_validator(mode="after")
  def _check_particles(self) -> Self:
    if min(self.n) < self.least:
      words = "numbers of at least 2, since one beam is kept from before"
      raise fields.fail_at("n", fields.WRONG, words, self.n)
    return self


class Mcts(_Tree):
  """Monte Carlo tree search; n is the number of expansions."""

  title = "MCTS"
  keeps_nodes = True
  counts_steps = True
  root_children: fields.PositiveInt = fields.key(4, "Children of the root.")
  children: fields.PositiveInt = fields.key(2, "Children of other nodes.")
  exploration: fields.NonNegativeFloat = fields.key(
    1.0, "The constant C of UCT."
  )


class AbMcts(_Drawn):
  """AB-MCTS-A, which draws where to branch; n is the number of nodes."""

  title = "AB-MCTS"
  keeps_nodes = True
  counts_steps = True
  posterior: Annotated[str, fields.one_of(*names.POSTERIORS)] = fields.key(
    "normal", "What is believed of scores; 'beta' clips them to [0, 1]."
  )
  prior_mean: fields.NonNegativeModerateFloat | None = fields.key(
    None, "Mean of scores before any; 0 if 'normal', 0.5 if 'beta' by default."
  )
  prior_count: fields.ModerateFloat = fields.key(
    1.0, "How many scores the prior mean is worth: kappa, or a + b of 'beta'."
  )
  prior_degrees: fields.ModerateFloat | None = fields.key(
    None, "Degrees of freedom nu of the 'normal' prior alone; 1 by default."
  )
  prior_variance: fields.ModerateFloat | None = fields.key(
    None, "Variance tau^2 of the 'normal' prior alone; 0.1 by default."
  )
  batch: fields.PositiveInt = fields.key(
    1, "New nodes of a round, chosen before any of them is scored."
  )

  @pydantic.model_validator(mode="after")
  def _check_prior(self) -> Self:
    if self.posterior == "beta":
      for key in ("prior_degrees", "prior_variance"):
        value = getattr(self, key)
        if value is not None:
          words = "none beside the posterior 'beta': leave it out"
          raise fields.fail_at(key, fields.WRONG, words, value)
      mean = self.prior_mean
      if mean is not None and not 0 < mean < 1:
        words = "a number between 0 and 1 beside the posterior 'beta'"
        raise fields.fail_at("prior_mean", fields.WRONG, words, mean)
    return self


# In the order of tables and legends.
STRATEGIES: Mapping[str, type[Block]] = {
  "greedy": Greedy,
  "sampling": Sampling,
  "adaptive_sampling": AdaptiveSampling,
  "reward_threshold": RewardThreshold,
  "deepconf": DeepConf,
  "rebase": Rebase,
  "beam_search": BeamSearch,
  "dvts": Dvts,
  "particle_filter": ParticleFilter,
  "particle_gibbs": ParticleGibbs,
  "mcts": Mcts,
  "ab_mcts": AbMcts,
}
_CHOICE = choices.Choice("strategy", STRATEGIES, variants=True)
AnyBlock = Annotated[Block, _CHOICE]


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
  if _CHOICE.find(strategy) is None:
    raise ValueError(
      f"strategy is {strategy!r}; expected one of {', '.join(STRATEGIES)}, or "
      "one of them, a slash and a word that tells its hyperparameters apart."
    )
  return STRATEGIES[kind_of(strategy)]


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
  known: dict[str, Any] = {
    key: (field.annotation, field)
    for key, field in kind.model_fields.items()
    if key not in (*_GRID, *_THINKING)
  }
  group = pydantic.create_model(
    "Hyperparameters", __base__=fields.Group, **known
  )
  return messages.read(
    group, dict(hyperparameters), messages.HYPERPARAMETERS
  ).model_dump()
