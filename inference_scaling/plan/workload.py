"""A search as the programs know it: models, sizes and strategy, no weights."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from inference_scaling import decoding
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding.memory import abstract
from inference_scaling.decoding.tokens import automaton, translation
from inference_scaling.models.layers import decode_attention
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.search import base, batching

# Of the automaton that finds step ends and answers in tokens: what " ки" and
# "The answer is" take with Llama's tokens.
_STATES = 20


@dataclasses.dataclass(frozen=True)
class Workload:
  """A search of several problems at once.

  Attributes:
    name: for tables.
    search: models, limits, dtype and cache.
    problems: P, in flight.
    beams: N.
    strategy: with its hyperparameters.
    max_depth: J, rounds.
    rows: R, active beams of a problem; None for all.
    top_k: whether tokens are drawn from a few.
    top_p: whether they are drawn from the likeliest.
  """

  name: str
  search: abstract.Search
  problems: int
  beams: int
  strategy: base.Strategy
  max_depth: int
  rows: int | None = None
  top_k: bool = False
  top_p: bool = False

  @property
  def has_model(self) -> bool:
    """Whether a reward model scores the steps."""
    return self.search.reward is not None

  def with_problems(
    self, problems: int, beams: int | None = None, rows: int | None = None
  ) -> "Workload":
    """The same search with other P, and other N and R where N is given."""
    if beams is None:
      return dataclasses.replace(self, problems=problems)
    return dataclasses.replace(self, problems=problems, beams=beams, rows=rows)


def make_policy(
  workload: Workload, hardware: hardware_lib.Hardware, mesh: Mesh | None = None
) -> decoding.ModelPolicy:
  """Makes the policy of a search, of shapes only.

  Args:
    workload: the search.
    hardware: that its programs are for.
    mesh: of several devices, for kernels.

  Returns:
    The policy.
  """
  search = workload.search
  kernel = decode_attention.choose(search.attention, hardware, mesh)
  return decoding.ModelPolicy(
    dataclasses.replace(
      abstract.policy_model(search), hardware=hardware, decode_kernel=kernel
    ),
    _Format(),
    search.limits,
    workload.beams,
    workload.rows,
    search.cache,
    search.tree_tokens,
    token_scores=search.reward_format in decoding.TOKEN_SCORES,
    value_layers=search.value_layers,
    confidence_tokens=search.confidence_tokens,
  )


def make_reward(
  workload: Workload, hardware: hardware_lib.Hardware, mesh: Mesh | None = None
) -> batching.BatchedReward:
  """Makes the reward of a search, likewise.

  Args:
    workload: the search.
    hardware: that its programs are for.
    mesh: as of `make_policy`.

  Returns:
    The reward: of a model, of tokens, or none.
  """
  search = workload.search
  if search.reward_format in decoding.TOKEN_SCORES:
    return decoding.TokenReward(search.reward_format, workload.beams)
  if search.confidence_window:
    return decoding.GroupConfidence(search.confidence_window, workload.beams)
  if search.value_layers:
    return abstract.value_reward(search, workload.beams)
  if search.reward is None:
    return decoding.NoReward(workload.beams)
  kernel = decode_attention.choose(search.attention, hardware, mesh)
  model = dataclasses.replace(
    abstract.reward_of(search), hardware=hardware, decode_kernel=kernel
  )
  translator: Any = model.reward_format and _Translator(
    model.reward_format, search.reward_limits
  )
  return decoding.ModelReward(
    model,
    search.limits,
    workload.beams,
    translator,
    workload.rows,
    search.cache,
    search.tree_tokens,
  )


class _Format:
  """Stands for a `StepFormat`, which would need a tokenizer."""

  step_bits = 1
  answer_bits = 2
  whole = False
  split_after = 0

  def compile(self, tokenizer: Any, vocab_size: int) -> automaton.Automaton:
    """Makes tables of the right sizes, that XLA cannot guess."""
    del tokenizer
    states = jnp.arange(_STATES, dtype=jnp.int32)[:, None]
    tokens = jnp.arange(vocab_size, dtype=jnp.int32)[None]
    return automaton.Automaton(
      next=(7 * states + tokens) % _STATES, hits=(states + tokens) % 3
    )


@dataclasses.dataclass(frozen=True)
class _Translator:
  """Stands for a `Translator`, which calls the host, as no compiler can."""

  reward_format: Any
  limits: limits_lib.Limits

  def __call__(
    self,
    tokens: jax.Array,
    lengths: jax.Array,
    steps: jax.Array,
    rest: jax.Array,
  ) -> translation.Translated:
    """Makes arrays of the right shapes, on the device."""
    size = self.limits.step_tokens
    spare = max(0, size - tokens.shape[-1])
    padded = jnp.pad(tokens, ((0, 0), (0, 0), (0, spare)))[..., :size]
    return translation.Translated(
      tokens=padded,
      lengths=jnp.minimum(lengths + steps, size),
      needed=lengths,
      written=lengths > 0,
      rest=rest,
    )
