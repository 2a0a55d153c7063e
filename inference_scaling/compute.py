"""The compute ledger: what was computed, in tokens and in operations.

Axis P: problems in flight.
"""

import dataclasses
from typing import Any

import flax.struct
import jax

CONVENTIONS = ("paper", "with_reward", "full")


@flax.struct.dataclass
class Counts:
  """Tokens that passed through one model, counted where they were computed.

  Attributes:
    prefill: int32[P], prompt tokens.
    decode: int32[P], generated (or scored) tokens.
    attended: int32[P], sum over all of these of the positions attended to,
      their own included.
  """

  prefill: jax.Array
  decode: jax.Array
  attended: jax.Array


@dataclasses.dataclass(frozen=True)
class ModelCost:
  """What a token costs in one model, in floating-point operations.

  Attributes:
    parameters: all weights, the embedding included (the paper's N).
    per_token: of a forward pass through the layers, without attention to
      other tokens and without the unembedding.
    per_position: of attending from one token to one position, over all layers.
    unembedding: of turning one hidden state into logits, or into a reward.
  """

  parameters: int
  per_token: int
  per_position: int
  unembedding: int


def policy_cost(config: Any) -> ModelCost:
  """Costs of a language model.

  Args:
    config: its architecture, a `models.DecoderConfig`.

  Returns:
    The costs.
  """
  table = config.vocab_size * config.hidden_size
  num_tables = 1 if config.tie_word_embeddings else 2
  return _cost(config, num_tables * table, 2 * table)


def reward_cost(config: Any) -> ModelCost:
  """Costs of a reward model, whose head also reads the tokens' likelihoods.

  These need the logits of every scored token, as drawing it would.

  Args:
    config: its architecture, a `models.DecoderConfig`.

  Returns:
    The costs.
  """
  table = config.vocab_size * config.hidden_size
  head = config.hidden_size + 2
  return _cost(config, table + head + 1, 2 * table + 2 * head)


def step_reward_cost(config: Any) -> ModelCost:
  """Costs of a reward model whose head looks at the end of each step only.

  The head itself is left out: a product of D numbers a step, beside billions
  for the step's tokens.

  Args:
    config: its architecture, a `models.DecoderConfig`.

  Returns:
    The costs.
  """
  table = config.vocab_size * config.hidden_size
  return _cost(config, table, 0)


def flops(
  policy: ModelCost,
  reward: ModelCost,
  policy_counts: Counts,
  reward_counts: Counts,
  convention: str,
) -> float:
  """Converts the tokens of one problem into floating-point operations.

  `paper` is 2 * parameters * generated tokens of the policy. `with_reward`
  adds 2 * parameters * scored tokens of the reward model. `full` counts the
  matrix products that were needed: also the prompts, attention to the cached
  positions, and the unembedding of each drawn token; a look-up in the
  embedding costs nothing there. Work on beams that were dropped counts in all
  of them: what was computed was spent.

  Args:
    policy: costs of the policy.
    reward: costs of the reward model.
    policy_counts: of one problem, without the axis P.
    reward_counts: of one problem.
    convention: one of `CONVENTIONS`.

  Returns:
    Floating-point operations.

  Raises:
    ValueError: on an unknown convention.

  References:
    Kaplan et al., "Scaling laws for neural language models", 2020,
      arXiv:2001.08361, section 2.1.
    Wu et al., "Inference scaling laws", ICLR 2025, section 4.
  """
  if convention not in CONVENTIONS:
    raise ValueError(
      f"convention is {convention!r}; expected one of {CONVENTIONS}."
    )
  generated, scored = int(policy_counts.decode), int(reward_counts.decode)
  total = 2.0 * policy.parameters * generated
  if convention == "paper":
    return total
  if convention == "with_reward":
    return total + 2.0 * reward.parameters * scored
  return _full(policy, policy_counts) + _full(reward, reward_counts)


def prompt_flops(
  policy: ModelCost,
  reward: ModelCost,
  policy_counts: Counts,
  reward_counts: Counts,
  convention: str,
) -> float:
  """The part of `flops` that is spent once a problem, on its prompt.

  Args:
    policy: costs of the policy.
    reward: costs of the reward model.
    policy_counts: of one problem, without the axis P.
    reward_counts: of one problem.
    convention: one of `CONVENTIONS`.

  Returns:
    Floating-point operations; 0 but for `full`.
  """
  only_prompts = [
    Counts(prefill=n, decode=0, attended=n * (n + 1) // 2)
    for n in (int(policy_counts.prefill), int(reward_counts.prefill))
  ]
  return flops(policy, reward, *only_prompts, convention)


def _cost(config: Any, tables: int, unembedding: int) -> ModelCost:
  """Counts weights and products of the layers."""
  size, wide = config.hidden_size, config.intermediate_size
  query = config.num_heads * config.head_dim
  keys = config.num_kv_heads * config.head_dim
  matrices = size * (2 * query + 2 * keys) + 3 * size * wide
  norms = 2 * size
  return ModelCost(
    parameters=config.num_layers * (matrices + norms) + size + tables,
    per_token=2 * config.num_layers * matrices,
    # Scores and mixing: two products of the length of all query heads.
    per_position=4 * config.num_layers * query,
    unembedding=unembedding,
  )


def _full(cost: ModelCost, counts: Counts) -> float:
  """Needed operations of one model."""
  tokens = int(counts.prefill) + int(counts.decode)
  return (
    float(cost.per_token) * tokens
    + float(cost.per_position) * int(counts.attended)
    + float(cost.unembedding) * int(counts.decode)
  )
