"""The compute ledger: what was computed, in tokens and in operations.

Axis letters: P problems that are searched at once, N beams.
"""

import dataclasses
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import names

# A count of positions attended to outgrows int32: 256 beams of 4096 tokens make
# 2 * 10^9. It is kept as digits to this base, without 64-bit types.
_DIGIT_BITS = 30
_HALF_BITS = 16


class Counts(flax.struct.PyTreeNode):
  """Tokens that passed through one model, counted where they were computed.

  Each is int32[P], or a whole number where one problem is counted on the host.

  Attributes:
    prefill: prompt tokens, and those of steps that another policy wrote.
    decode: generated (or scored) tokens.
    attended: sum over all of these of the positions attended to, their own
      included, see `attended`; less 2**30 times `carried`.
    carried: how often 2**30 was taken from it.
    thinking: those of `decode` that belong to thinking before an answer; None
      for a model that does not think.
  """

  prefill: jax.Array | int
  decode: jax.Array | int
  attended: jax.Array | int
  carried: jax.Array | int = 0
  thinking: jax.Array | int | None = None

  @property
  def total_attended(self) -> int:
    """All positions attended to, of one problem on the host."""
    return (int(self.carried) << _DIGIT_BITS) + int(self.attended)

  def add(
    self,
    tokens: jax.Array,
    attended: jax.Array,
    thinking: jax.Array | None = None,
  ) -> "Counts":
    """Counts decoded tokens.

    Args:
      tokens: int32[P, N], of each beam; or bool, for one each.
      attended: int32[P, N], positions that they attended to; not negative.
      thinking: those of `tokens` that belong to thinking; None for a model
        that does not think.

    Returns:
      The new counts.
    """
    # Sums of halves fit for 2**14 beams; the upper half of their sum carries.
    high = (attended >> _HALF_BITS).sum(axis=1)
    low = (attended & (1 << _HALF_BITS) - 1).sum(axis=1)
    whole = _DIGIT_BITS - _HALF_BITS
    carried, total = self.carried + (high >> whole), self.attended
    for part in ((high & (1 << whole) - 1) << _HALF_BITS, low):
      total += part
      carried += total >> _DIGIT_BITS
      total &= (1 << _DIGIT_BITS) - 1
    counts = self.replace(
      decode=self.decode + tokens.sum(axis=1), attended=total, carried=carried
    )
    if thinking is None or self.thinking is None:
      return counts
    return counts.replace(thinking=self.thinking + thinking.sum(axis=1))


def prompt_counts(
  prefill: jax.Array, attended: jax.Array, *, thinks: bool = False
) -> Counts:
  """Counts the tokens of prompts.

  Args:
    prefill: int32[P].
    attended: int32[P], positions that they attended to; not negative.
    thinks: whether the model thinks before it answers.

  Returns:
    The counts, with nothing decoded.
  """
  nothing = jnp.zeros_like(prefill)
  counts = Counts(
    prefill, nothing, nothing, nothing, nothing if thinks else None
  )
  return counts.add(nothing[:, None], attended[:, None])


def add_counts(one: Counts, other: Counts) -> Counts:
  """Adds the tokens of two models that do not think.

  Args:
    one: of some problems.
    other: of the same problems.

  Returns:
    The sums.
  """
  attended = one.attended + other.attended
  return Counts(
    prefill=one.prefill + other.prefill,
    decode=one.decode + other.decode,
    attended=attended & (1 << _DIGIT_BITS) - 1,
    carried=one.carried + other.carried + (attended >> _DIGIT_BITS),
  )


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


def attended(model: Any, first: jax.Array | int, count: jax.Array | int) -> Any:
  """Counts the positions that consecutive tokens of one text attend to.

  A token at position p attends to p + 1 positions, or to a sliding window of
  them if that is less. Where layers differ, it is the mean over the layers,
  rounded down.

  Args:
    model: its architecture, a `models.DecoderConfig`, or its `ModelCost`.
    first: position of the first token; an integer or int32[...].
    count: how many tokens; an integer or int32[...].

  Returns:
    The sum over the tokens; as the arguments.
  """
  everything = _rising(first, count)
  window = model.sliding_window
  if window is None:
    return everything
  # Tokens before position `window` attend to all positions before them.
  rising = jnp.clip(window - first, 0, count)
  limited = _rising(first, rising) + (count - rising) * window
  # (more * whole layers) // layers, without the large product.
  more = everything - limited
  L, whole = model.num_layers, model.num_unlimited_layers
  return limited + more // L * whole + more % L * whole // L


def _rising(first: jax.Array | int, count: jax.Array | int) -> Any:
  """Sums first + 1, first + 2, ... of `count` numbers."""
  return count * (first + 1) + count * (count - 1) // 2


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
    convention: one of `names.CONVENTIONS`.

  Returns:
    Floating-point operations.

  Raises:
    ValueError: on an unknown convention.

  References:
    Kaplan et al., "Scaling laws for neural language models", 2020,
      arXiv:2001.08361, section 2.1.
    Wu et al., "Inference scaling laws", ICLR 2025, section 4.
  """
  if convention not in names.CONVENTIONS:
    raise ValueError(
      f"convention is {convention!r}; expected one of {names.CONVENTIONS}."
    )
  generated, scored = int(policy_counts.decode), int(reward_counts.decode)
  total = 2.0 * policy.parameters * generated
  if convention == names.PAPER:
    return total
  if convention == names.WITH_REWARD:
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
    convention: one of `names.CONVENTIONS`.

  Returns:
    Floating-point operations; 0 but for `full`.
  """
  policy_prompt = _prompt_alone(policy, policy_counts)
  reward_prompt = _prompt_alone(reward, reward_counts)
  return flops(policy, reward, policy_prompt, reward_prompt, convention)


def _prompt_alone(cost: ModelCost, counts: Counts) -> Counts:
  """What the prompt of one problem has in its counts."""
  n = int(counts.prefill)
  return Counts(prefill=n, decode=0, attended=int(attended(cost, 0, n)))


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


def _full(cost: ModelCost, counts: Counts) -> float:
  """Needed operations of one model."""
  tokens = int(counts.prefill) + int(counts.decode)
  return (
    float(cost.per_token) * tokens
    + float(cost.per_position) * counts.total_attended
    + float(cost.unembedding) * int(counts.decode)
  )
