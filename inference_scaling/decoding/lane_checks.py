"""What must hold before lanes start, and after each of their steps."""

import dataclasses

import jax

from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import placement
from inference_scaling.models import sharding


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Flags:
  """What the host looks at after each step; each has the axis P."""

  done: jax.Array
  depth: jax.Array
  policy_finite: jax.Array
  reward_finite: jax.Array
  policy_widest: jax.Array
  reward_widest: jax.Array
  reward_beyond: jax.Array
  every_step_read: jax.Array


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


def check_rows(policy, reward, flags: Flags, lane: int, problem_id: int):
  """Stops a search in which some beams had to be left out."""
  for owner, widest, name in (
    (policy, flags.policy_widest, "ModelPolicy"),
    (reward, flags.reward_widest, "ModelReward"),
  ):
    if widest[lane] > owner.num_rows:
      raise ValueError(
        f"problem {problem_id}, depth {flags.depth[lane] - 1}: {widest[lane]} "
        "beams were active, or changed by a fork, at once, but num_rows of the "
        f"{name} is {owner.num_rows}. Raise it to the most that the strategy "
        "extends or moves at once, or leave it out."
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
