"""Calls of a user's policy and reward, and checks of what they return.

Axis letters: P problems in flight, N beams per problem.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.checks import values


class Models(NamedTuple):
  """The policy and the reward, and their params.

  Attributes:
    policy: makes steps.
    reward: scores them.
    policy_params: given to the policy's functions.
    reward_params: given to the reward's functions.
  """

  policy: base.Policy
  reward: base.Reward
  policy_params: Any
  reward_params: Any


def beam_keys(depth_keys: jax.Array, num_beams: int) -> jax.Array:
  """One key a beam, [P, N], out of one a problem."""
  slots = jnp.arange(num_beams)
  return jax.vmap(
    lambda key: jax.vmap(lambda slot: jax.random.fold_in(key, slot))(slots)
  )(depth_keys)


def extend(
  models: Models, keys: jax.Array, policy_state: Any, active: jax.Array
) -> tuple[Any, base.Step]:
  """Makes one step of each active beam.

  Args:
    models: of which the policy is used.
    keys: typed PRNG keys [P, N].
    policy_state: the policy's.
    active: bool[P, N].

  Returns:
    The policy's new state, and the Step.

  Raises:
    ValueError: on a wrong value from a user function.
  """
  with jax.named_scope("extend"):
    extended = models.policy.extend(
      models.policy_params, keys, policy_state, active
    )
  values.check_tuple("policy.extend", extended, ("state", "Step"))
  new_state, step = extended
  values.check_same("the state from policy.extend", policy_state, new_state)
  check_step(step, *active.shape)
  values.check_values(step.status, step.num_tokens, active)
  return new_state, step


def score(
  models: Models, reward_state: Any, step: base.Step, active: jax.Array
) -> tuple[Any, jax.Array]:
  """Scores the newest step of each active beam.

  Args:
    models: of which the reward is used.
    reward_state: the reward's.
    step: what the policy made.
    active: bool[P, N].

  Returns:
    The reward's new state, and float32[P, N] scores.

  Raises:
    ValueError: on a wrong value from a user function.
  """
  with jax.named_scope("score"):
    scored = models.reward.score(
      models.reward_params, reward_state, step, active
    )
  values.check_tuple("reward.score", scored, ("state", "scores"))
  new_state, scores = scored
  values.check_same("the state from reward.score", reward_state, new_state)
  values.check_scores(scores, active.shape)
  return new_state, scores.astype(jnp.float32)


def look_ahead(
  models: Models,
  depth_keys: jax.Array,
  policy_state: Any,
  reward_state: Any,
  beams: base.Beams,
  num_steps: int,
  left: jax.Array,
) -> tuple[Any, Any, jax.Array]:
  """Scores running beams by where they would be some steps later.

  Args:
    models: the policy, with the params that it looks ahead by, and the reward.
    depth_keys: typed PRNG keys [P], of this depth and this purpose.
    policy_state: the policy's.
    reward_state: the reward's.
    beams: with leading axes [P, N].
    num_steps: how many steps to look ahead; a beam that ends stops earlier.
    left: int32[P], depths that the search still has; no look-ahead goes
      further, since no solution can.

  Returns:
    Both states before these steps, with the tokens of the steps counted, and
    float32[P, N] scores at their ends.

  Raises:
    ValueError: on a wrong value from a user function.
  """
  owners = (("policy", models.policy), ("reward", models.reward))
  before = (policy_state, reward_state)
  scores, going = beams.scores, beams.active & (beams.status == base.RUNNING)
  for number in range(num_steps):
    going &= (left > number)[:, None]
    keys = jax.vmap(jax.random.fold_in, (0, None))(depth_keys, number)
    keys = beam_keys(keys, going.shape[1])
    policy_state, step = extend(models, keys, policy_state, going)
    reward_state, ahead = score(models, reward_state, step, going)
    scores = jnp.where(going, ahead, scores)
    going &= step.status == base.RUNNING
  states = [
    rewind(name, owner, old, new)
    for (name, owner), old, new in zip(
      owners, before, (policy_state, reward_state), strict=True
    )
  ]
  return states[0], states[1], scores


def fork(name: str, owner: Any, state: Any, parents: jax.Array) -> Any:
  """Calls a user's fork and checks what it returns."""
  new_state = owner.fork(state, parents)
  values.check_same(f"the state from {name}.fork", state, new_state)
  return new_state


def check_step(step: Any, P: int, N: int) -> None:
  """Raises a ValueError if a policy's Step is not as base.Step says."""
  if not isinstance(step, base.Step):
    raise values.WrongValueError(
      f"policy.extend returned a {type(step).__name__} beside the state, "
      "expected a Step"
    )
  for name in ("status", "num_tokens"):
    values.check_array(
      f"Step.{name} from policy.extend", getattr(step, name), (P, N), jnp.int32
    )
  values.check_leading("Step.content from policy.extend", step.content, (P, N))


def rewind(name: str, owner: Any, before: Any, after: Any) -> Any:
  """Calls a user's rewind and checks what it returns."""
  state = owner.rewind(before, after)
  values.check_same(f"the state from {name}.rewind", before, state)
  return state
