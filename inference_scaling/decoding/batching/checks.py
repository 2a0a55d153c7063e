"""Checks before batch slots start, and flags for the host when they stop."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import transformers

from inference_scaling.decoding import hidden_state_reward
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import placement
from inference_scaling.models import kv_heads, sharding
from inference_scaling.models.layers import hardware
from inference_scaling.models.rewards import value_head
from inference_scaling.search import base, batching
from inference_scaling.search import state as search_state


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Flags:
  """What the host gets after each stop; each has the axis P.

  Attributes:
    done: bool, problems without an active beam.
    scored: bool, problems whose steps have just been scored.
    depth: int32, depths done.
    policy: the policy's `report`.
    reward: the reward's.
    text: int32, tokens of the longest text that a cache holds.
    row_steps: int32, rows of the policy computed since the last stop; 0 for a
      policy that does not count them.
    tokens: int32, tokens drawn since then.
  """

  done: jax.Array
  scored: jax.Array
  depth: jax.Array
  policy: Any
  reward: Any
  text: jax.Array
  row_steps: jax.Array
  tokens: jax.Array


def make_flags(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  before: search_state.SearchState,
  after: search_state.SearchState,
  scored: jax.Array,
) -> Flags:
  """Makes the flags of a search.

  Args:
    policy: of the search.
    reward: likewise.
    before: at the last stop.
    after: now.
    scored: bool[P].

  Returns:
    The flags.
  """
  old, new = before.policy_state, after.policy_state
  owners = ((policy, new), (reward, after.reward_state))
  text = row_steps = jnp.zeros_like(after.depth)
  for owner, state in owners:
    if isinstance(owner, sizes_lib.Buffered):
      text = jnp.maximum(text, owner.longest(state))
  if isinstance(new, state_lib.PolicyState):
    row_steps = new.row_steps - old.row_steps
  return Flags(
    done=search_state.is_done(after),
    scored=scored,
    depth=after.depth,
    policy=policy.report(new),
    reward=reward.report(after.reward_state),
    text=text,
    row_steps=row_steps,
    tokens=_decoded(policy, new) - _decoded(policy, old),
  )


def _decoded(policy: batching.BatchedPolicy, state: Any) -> Any:
  """Tokens drawn so far, an array int32[P]: the state is on the device."""
  return policy.counts(state).decode


def check_slot(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  flags: Flags,
  slot: int,
  problem_id: int,
) -> None:
  """Stops a search that has gone wrong in the step that was just scored.

  Args:
    policy: of the search.
    reward: likewise.
    flags: on the host.
    slot: which problem; only what `flags.scored` marks.
    problem_id: names it in errors.

  Raises:
    FloatingPointError: for logits or scores that are NaN or infinite.
    ValueError: for a step that does not fit the reward model's buffers, or a
      tree of steps that does not fit its cache.
  """
  where = f"problem {problem_id}, depth {flags.depth[slot] - 1}"
  for owner, report in ((policy, flags.policy), (reward, flags.reward)):
    owner.check(jax.tree.map(lambda leaf: leaf[slot], report), where)


def check_mesh(
  policy: base.Policy,
  reward: base.Reward,
  num_slots: int,
  mesh: jax.sharding.Mesh | None,
) -> None:
  """Checks that a mesh divides slots and heads, before anything is compiled."""
  if mesh is None:
    return
  wanted = hardware.of_mesh(mesh)
  for owner in (policy, reward):
    if isinstance(owner, (policy_lib.ModelPolicy, reward_lib.ModelReward)):
      kv_heads.num_held(owner.model.config, mesh)
      mine = owner.model.hardware
      if mine.form != wanted.form:
        raise ValueError(
          f"a model's programs are for {_describe(mine)}, but the mesh is of "
          f"{_describe(wanted)}. Load the model with this mesh."
        )
  if placement.whole_slots(num_slots, mesh) != num_slots:
    parts = mesh.shape[sharding.DATA]
    raise ValueError(
      f"num_slots is {num_slots}, which the mesh axis {sharding.DATA!r} of "
      f"size {parts} does not divide: each part would hold another number of "
      f"problems. Use {placement.whole_slots(num_slots, mesh)} slots."
    )


def _describe(used: hardware.Hardware) -> str:
  platform, data, model = used.form
  return f"{platform} in {data} x {model} parts (data x model)"


def check_tokens(policy: base.Policy, reward: base.Reward) -> None:
  """Compares the tokenizers of two models, where both take the same tokens.

  Args:
    policy: of the search.
    reward: likewise.

  Raises:
    ValueError: if they differ.
  """
  if (
    isinstance(policy, policy_lib.ModelPolicy)
    and isinstance(reward, reward_lib.ModelReward)
    and reward.translator is None
  ):
    check_vocabularies(policy.model.tokenizer, reward.model.tokenizer)


def check_value_head(
  policy: base.Policy, reward: base.Reward, params: Any, lookahead_params: Any
) -> None:
  """Compares a value head with the policy whose hidden states it reads.

  Args:
    policy: of the search.
    reward: likewise.
    params: of the policy.
    lookahead_params: what the policy looks ahead by, or None.

  Raises:
    ValueError: if a policy with `value_layers` lacks the head, or the head is
      of another width; if a reward reads hidden states of a policy without
      layers to read, or those of other weights when looking ahead.
  """
  layers: tuple[int, ...] = ()
  if isinstance(policy, policy_lib.ModelPolicy):
    layers = policy.value_layers
    value_head.check_weights(params.value_head, layers, policy.model.config)
  if not isinstance(reward, hidden_state_reward.HiddenStateReward):
    return
  if not layers:
    raise ValueError(
      "a HiddenStateReward takes what a value head reads of the policy's "
      f"hidden states, but the policy, a {type(policy).__name__}, reads none; "
      "expected a ModelPolicy with value_layers. Give it the layers that the "
      "head reads."
    )
  weights = getattr(lookahead_params, "weights", params.weights)
  if weights is not params.weights:
    raise ValueError(
      "lookahead_params has other weights than policy_params, and a "
      "HiddenStateReward would score their steps by hidden states that the "
      "value head was not trained on; expected the same weights. Give the "
      "policy's, or a ModelReward of the value model."
    )


def check_vocabularies(
  policy: transformers.PreTrainedTokenizerFast,
  other: transformers.PreTrainedTokenizerFast,
  whose: str = "reward model",
  own: str = "policy",
) -> None:
  """Compares the tokenizer of a policy and that of another model.

  Args:
    policy: the policy's tokenizer.
    other: that of a model that takes its tokens.
    whose: names the other model in the error.
    own: names the policy.

  Raises:
    ValueError: if they differ, with some of the tokens that do.
  """
  if policy is other:
    return
  tokens, others = policy.get_vocab(), other.get_vocab()
  if tokens != others:
    differing = sorted(dict(tokens.items() ^ others.items()))
    raise ValueError(
      f"the {whose}'s tokenizer is not the {own}'s: "
      f"{len(differing)} tokens differ, such as {differing[:5]}. Use two "
      "checkpoints of one tokenizer."
    )
