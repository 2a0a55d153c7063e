"""The record of a search: every step that was made, by depth and slot.

Axis letters: P problems in flight, N beams per problem, J depths at most.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp


class Tree(flax.struct.PyTreeNode):
  """All steps of P searches, allocated at full size, by depth and slot.

  Values are those after the extension at that depth and before the fork. Depths
  not reached have no active beam; values there are 0, parents 0, 1, .., N - 1.
  Where beams begin late (`resuming`) a beam's row is that of its own step, and
  its last status and score stand in all later ones.

  Attributes:
    parents: int32[P, J, N], the slot at depth j that slot n at depth j + 1 goes
      on from.
    active: bool[P, J, N], True for the beams that were extended.
    scores: float32[P, J, N], rewards; for a beam not extended, its last one.
    status: int32[P, J, N], RUNNING, FINISHED, TRUNCATED or DROPPED.
    num_tokens: int32[P, J, N], tokens generated, 0 for beams not extended.
    contents: the policy's Step.content, axes [P, J, N, ...], 0 for beams not
      extended.
  """

  parents: jax.Array
  active: jax.Array
  scores: jax.Array
  status: jax.Array
  num_tokens: jax.Array
  contents: Any


def empty_tree(
  num_problems: int, max_depth: int, num_beams: int, content: Any
) -> Tree:
  """Allocates a tree without an active beam.

  Args:
    num_problems: P.
    max_depth: J.
    num_beams: N.
    content: a pytree of arrays or shapes with leading axes [P, N]: one step.

  Returns:
    A Tree whose parents are 0, 1, .., N - 1 and whose other values are 0.
  """
  shape = (num_problems, max_depth, num_beams)
  slots = jnp.arange(num_beams, dtype=jnp.int32)
  return Tree(
    parents=jnp.broadcast_to(slots[None, None], shape),
    active=jnp.zeros(shape, bool),
    scores=jnp.zeros(shape, jnp.float32),
    status=jnp.zeros(shape, jnp.int32),
    num_tokens=jnp.zeros(shape, jnp.int32),
    contents=jax.tree.map(
      lambda leaf: jnp.zeros((*shape, *leaf.shape[2:]), leaf.dtype), content
    ),
  )


def write_depth(
  tree: Tree,
  slots: jax.Array,
  depth: jax.Array,
  level: Tree,
  *,
  resumes: bool = False,
) -> Tree:
  """Writes one depth of some problems.

  Args:
    tree: of P problems.
    slots: bool[P], the problems to write; others stay as they are.
    depth: int32[P], where to write.
    level: a Tree without its axis J. Tokens and contents of its beams that are
      not active are written as 0.
    resumes: whether beams begin at depth 0 while others are further: beams that
      are not active then stay as they are, and status and scores of the others
      are written into later depths, too, so that each beam's last ones stand
      in all that follow.

  Returns:
    The new Tree.
  """
  if resumes:
    return _write_beams(tree, slots[:, None] & level.active, depth, level)
  made = (level.num_tokens, level.contents)
  num_tokens, contents = where(
    level.active, made, jax.tree.map(jnp.zeros_like, made)
  )
  level = level.replace(num_tokens=num_tokens, contents=contents)
  # Out of bounds where nothing is to be written: such writes are dropped.
  depth = jnp.where(slots, depth, tree.parents.shape[1])

  def write(rows: jax.Array, row: jax.Array, index: jax.Array) -> jax.Array:
    return rows.at[index].set(row, mode="drop")

  return jax.tree.map(
    lambda rows, row: jax.vmap(write)(rows, row, depth), tree, level
  )


def _write_beams(
  tree: Tree, beams: jax.Array, depth: jax.Array, level: Tree
) -> Tree:
  """Writes one depth of some beams, bool[P, N], which go on in their slots."""
  depths = jnp.arange(tree.parents.shape[1])[None, :, None]
  at, later = (
    beams[:, None] & (mine(depths, depth[:, None, None]))
    for mine in (jnp.equal, jnp.greater_equal)
  )
  level = jax.tree.map(lambda leaf: leaf[:, None], level)
  made, kept = (
    (one.active, one.num_tokens, one.contents) for one in (level, tree)
  )
  active, num_tokens, contents = where(at, made, kept)
  scores, status = where(
    later, (level.scores, level.status), (tree.scores, tree.status)
  )
  return tree.replace(
    active=active, scores=scores, status=status, num_tokens=num_tokens,
    contents=contents,
  )  # fmt: skip


def where(mask: jax.Array, new: Any, old: Any) -> Any:
  """`jnp.where` over pytrees whose leading axes are those of the mask."""

  def pick(new_leaf: jax.Array, old_leaf: jax.Array) -> jax.Array:
    extra = tuple(range(mask.ndim, new_leaf.ndim))
    return jnp.where(jnp.expand_dims(mask, extra), new_leaf, old_leaf)

  return jax.tree.map(pick, new, old)
