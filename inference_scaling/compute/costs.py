"""What a token costs in a model, from its architecture."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class ModelCost:
  """What a token costs in one model, in floating-point operations.

  Attributes:
    parameters: all weights, the embedding included (the paper's N).
    per_token: of a forward pass through the layers, without attention to
      other tokens and without the unembedding.
    per_position: of attending from one token to one position, over all layers.
    unembedding: of turning one hidden state into logits, or into a reward.
    num_layers: L; with the next two as in `models.DecoderConfig`.
    sliding_window: how many positions a token attends to at most, if limited.
    num_unlimited_layers: in how many layers it attends to all.
  """

  parameters: int
  per_token: int
  per_position: int
  unembedding: int
  num_layers: int = 1
  sliding_window: int | None = None
  num_unlimited_layers: int = 0


@dataclasses.dataclass(frozen=True)
class PairCost:
  """Costs of two models that are one policy.

  Attributes:
    draft: of the draft.
    target: of the target.
  """

  draft: ModelCost
  target: ModelCost

  @property
  def parameters(self) -> int:
    """Weights of both."""
    return self.draft.parameters + self.target.parameters


NO_COST = ModelCost(0, 0, 0, 0)  # of a model that is not there


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


def head_cost(parameters: int) -> ModelCost:
  """Costs of a head alone, where hidden states are there already.

  As if it read each token, though it reads only the last one of a step.

  Args:
    parameters: of the head.

  Returns:
    The costs.
  """
  return ModelCost(parameters, 0, 0, 2 * parameters)


def add_head(body: ModelCost, head: ModelCost) -> ModelCost:
  """Costs of a body with a head that reads its hidden states.

  Args:
    body: of the body.
    head: of `head_cost`.

  Returns:
    The costs of both.
  """
  return dataclasses.replace(
    body,
    parameters=body.parameters + head.parameters,
    unembedding=body.unembedding + head.unembedding,
  )


def _cost(config: Any, tables: int, unembedding: int) -> ModelCost:
  """Counts weights and products of the layers; biases cost no product."""
  size, wide = config.hidden_size, config.intermediate_size
  query = config.num_heads * config.head_dim
  keys = config.num_kv_heads * config.head_dim
  num_wide = 2 if config.gated_mlp else 1  # gate and up, or up alone
  matrices = size * (2 * query + 2 * keys) + (num_wide + 1) * size * wide
  biases = config.qkv_bias * (query + 2 * keys) + config.output_bias * size
  biases += config.mlp_bias * (num_wide * wide + size)
  norm = 2 * size if config.norm == "layer" else size
  norms = 2 * norm * (config.pre_norm + config.post_norm)
  norms += {None: 0, "head": 2 * config.head_dim, "projection": query + keys}[
    config.query_key_norm
  ]
  layers = config.num_layers * (matrices + biases + norms)
  return ModelCost(
    parameters=layers + norm + tables,
    per_token=2 * config.num_layers * matrices,
    # Scores and mixing: two products of the length of all query heads.
    per_position=4 * config.num_layers * query,
    unembedding=unembedding,
    num_layers=config.num_layers,
    sliding_window=config.sliding_window,
    num_unlimited_layers=config.num_unlimited_layers,
  )
