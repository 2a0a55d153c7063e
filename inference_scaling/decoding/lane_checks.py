"""What must hold before lanes start, and whenever they stop."""

import dataclasses

import jax
import jax.numpy as jnp

from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import placement
from inference_scaling.models import sharding
from inference_scaling.search import state as search_state


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Flags:
  """What the host looks at after each stop; each has the axis P.

  Attributes:
    done: bool, problems without an active beam.
    settled: bool, problems whose steps have just been scored.
    depth: int32, depths done.
    policy_finite: bool.
    reward_finite: bool.
    reward_beyond: int32[P, 2], as `RewardState.beyond`.
    every_step_read: bool, whether each step with text has one score.
    tree_beyond: int32[P, 2], as `TreeCache.beyond` of the policy and of the
      reward; 0 for other caches.
    text: int32, tokens of the longest text that a cache holds.
    row_steps: int32, rows of the policy computed since the last stop.
    tokens: int32, tokens drawn since then.
  """

  done: jax.Array
  settled: jax.Array
  depth: jax.Array
  policy_finite: jax.Array
  reward_finite: jax.Array
  reward_beyond: jax.Array
  every_step_read: jax.Array
  tree_beyond: jax.Array
  text: jax.Array
  row_steps: jax.Array
  tokens: jax.Array


def make_flags(
  before: search_state.SearchState,
  after: search_state.SearchState,
  settled: jax.Array,
) -> Flags:
  """Looks at the state of a search.

  Args:
    before: at the last stop.
    after: now.
    settled: bool[P].

  Returns:
    The flags.
  """
  policy, reward = after.policy_state, after.reward_state
  drawn = policy.counts.decode - before.policy_state.counts.decode
  return Flags(
    done=search_state.is_done(after),
    settled=settled,
    depth=after.depth,
    policy_finite=policy.finite,
    reward_finite=reward.finite,
    reward_beyond=reward.beyond,
    every_step_read=(reward.reads == reward.steps).all(axis=1),
    tree_beyond=_tree_beyond(policy.cache, reward.cache),
    text=_longest(policy.cache, reward.cache),
    row_steps=policy.row_steps - before.policy_state.row_steps,
    tokens=drawn,
  )


def _longest(cache, reward_cache) -> jax.Array:
  """Tokens of each problem's longest text, int32[P]."""
  longest = cache.lengths.max(axis=1)
  if reward_cache == ():
    return longest
  return jnp.maximum(longest, reward_cache.lengths.max(axis=1))


def _tree_beyond(*caches) -> jax.Array:
  """What did not fit each cache, int32[P, 2]."""
  nothing = jnp.zeros(caches[0].lengths.shape[0], jnp.int32)
  return jnp.stack(
    [getattr(cache, "beyond", nothing) for cache in caches], axis=1
  )


def check_lane(
  policy, reward, flags: Flags, lane: int, problem_id: int
) -> None:
  """Stops a search that has gone wrong in the step that was just settled.

  Args:
    policy: of the search.
    reward: likewise.
    flags: on the host.
    lane: which problem; only what `flags.settled` marks.
    problem_id: names it in errors.

  Raises:
    FloatingPointError: for logits or scores that are NaN or infinite.
    ValueError: for a step that does not fit the reward model's buffers, or a
      tree of steps that does not fit its cache.
  """
  check_trees(policy, reward, flags, lane, problem_id)
  check_finite(flags, lane, problem_id)
  check_reads(flags, lane, problem_id, reward.limits)


def check_trees(
  policy, reward, flags: Flags, lane: int, problem_id: int
) -> None:
  """Stops a search in which tokens found no room in a tree."""
  for needed, owner, name in zip(
    flags.tree_beyond[lane],
    (policy, reward),
    ("policy", "reward model"),
    strict=True,
  ):
    if needed:
      raise ValueError(
        f"problem {problem_id}, depth {flags.depth[lane] - 1}: its tree holds "
        f"{needed} distinct tokens of the {name} at once, but tree_tokens is "
        f"{owner.storage.capacity}. Raise it to more than {needed}, since the "
        "tree may still grow, or leave it out, which gives room for all."
      )


def check_finite(flags: Flags, lane: int, problem_id: int) -> None:
  """Stops a search whose numbers have gone wrong."""
  for finite, what in (
    (flags.policy_finite, "the policy's logits"),
    (flags.reward_finite, "the rewards"),
  ):
    if not finite[lane]:
      raise FloatingPointError(
        f"problem {problem_id}, depth {flags.depth[lane] - 1}: {what} are NaN "
        "or infinite. Check that the checkpoint loads without damage and that "
        "its dtype is wide enough (try float32)."
      )


def check_reads(
  flags: Flags, lane: int, problem_id: int, limits: limits_lib.Limits | None
) -> None:
  """Stops a search in which a step has not been scored once."""
  for needed, what, name in zip(
    flags.reward_beyond[lane],
    ("a step", "a solution"),
    ("step_tokens", "total_tokens"),
    strict=True,
  ):
    if needed:
      raise ValueError(
        f"problem {problem_id}, depth {flags.depth[lane] - 1}: {what} takes "
        f"{needed} tokens of the reward model, whose own {name} is "
        f"{getattr(limits, name)}. Raise it to at least {needed}, or lower "
        "that of the policy."
      )
  if not flags.every_step_read[lane]:
    raise AssertionError(
      f"problem {problem_id}, depth {flags.depth[lane] - 1}: the steps with "
      "text and the scores read are not as many. This is a fault of the "
      "reward model's form: it gives no tokens for a step that has text."
    )


def check_vocabularies(policy, reward) -> None:
  """Compares the tokenizers, where the reward reads the policy's tokens."""
  if reward.model is None or reward.translator is not None:
    return
  ours, theirs = policy.model.tokenizer, reward.model.tokenizer
  if ours is theirs:
    return
  ours, theirs = ours.get_vocab(), theirs.get_vocab()
  if ours != theirs:
    differing = sorted(dict(ours.items() ^ theirs.items()))
    raise ValueError(
      "the reward model's tokenizer is not the policy's: "
      f"{len(differing)} tokens differ, such as {differing[:5]}. Use two "
      "checkpoints of one tokenizer."
    )


def check_mesh(policy, reward, num_lanes: int, mesh) -> None:
  """Holds lanes and heads against a mesh, before anything is compiled."""
  if mesh is None:
    return
  for owner in (policy, reward):
    if owner.model is not None:
      sharding.check_heads(owner.model.config, mesh)
  if placement.whole_lanes(num_lanes, mesh) != num_lanes:
    parts = mesh.shape[sharding.DATA]
    raise ValueError(
      f"num_lanes is {num_lanes}, which the mesh axis {sharding.DATA!r} of "
      f"size {parts} does not divide: each part would hold another number of "
      f"problems. Use {placement.whole_lanes(num_lanes, mesh)} lanes."
    )
