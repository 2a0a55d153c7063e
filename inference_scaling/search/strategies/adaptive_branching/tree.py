"""The tree of an AB-MCTS: memory, backup, descent and new nodes.

All for ONE problem; the loop vmaps them.

Axis letter: N beams. Slot s holds node s for good: the beam at the end of its
step. The root, which is the prompt, is node N and no beam.
"""

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.strategies.adaptive_branching import posteriors

# Rows of `Memory.observed`: the node as its parent sees it, and the node's own
# two choices, to make a new child or to go on from one that it has.
CHILD, GEN, CONT = range(3)


class Memory(flax.struct.PyTreeNode):
  """The search tree of one problem and the numbers of the search.

  A slot that was never used counts as a child of the root that is yet to come.

  Attributes:
    parents: int32[N], the node that each node goes on from; N for the root.
    steps: int32[N + 1], steps from the prompt to the end of each node.
    open: bool[N], True where a node may have children.
    observed: of [3, N + 1] posteriors, by CHILD, GEN and CONT.
    first: int32[], the first slot of the newest round.
    used: int32[], slots in use; those of the newest round are the last of them.
    batch: int32[], new nodes of a round.
    max_steps: int32[], nodes with so many steps have no children.
    prior: of all posteriors.
  """

  parents: jax.Array
  steps: jax.Array
  open: jax.Array
  observed: posteriors.Observed
  first: jax.Array
  used: jax.Array
  batch: jax.Array
  max_steps: jax.Array
  prior: posteriors.Prior


def back_up(memory: Memory, beams: base.Beams, scores: jax.Array) -> Memory:
  """Observes the scores of the newest nodes, in the order of slots.

  The score of a new node is observed as CHILD at the node itself and at all
  nodes above it, as GEN at its parent, and as CONT at all nodes above that.

  Args:
    memory: in which the newest nodes are the slots from `first` to `used`.
    beams: after these nodes were made.
    scores: float32[N], of the beams, as they are observed.

  Returns:
    The new Memory.
  """
  may_go_on = beams.active & (beams.status == base.RUNNING)
  may_go_on &= memory.steps[:-1] < memory.max_steps

  def add(slot: jax.Array, memory: Memory) -> Memory:
    parent = memory.parents[slot]
    above = path_to(memory, parent)
    at_parent = jnp.arange(above.shape[0]) == parent
    seen_by = jnp.stack(
      [above.at[slot].set(True), at_parent, above ^ at_parent]
    )
    return memory.replace(
      open=memory.open.at[slot].set(may_go_on[slot]),
      observed=posteriors.observe(memory.observed, seen_by, scores[slot]),
    )

  return jax.lax.fori_loop(memory.first, memory.used, add, memory)


def path_to(memory: Memory, node: jax.Array) -> jax.Array:
  """bool[N + 1], a node and all nodes above it, the root included."""
  root = memory.parents.shape[0]
  _, path = jax.lax.while_loop(
    lambda state: state[0] != root,
    lambda state: (memory.parents[state[0]], state[1].at[state[0]].set(True)),
    (node, jnp.arange(root + 1) == root),
  )
  return path


def descend(memory: Memory, draws: jax.Array) -> jax.Array:
  """Follows one draw of every posterior from the root down.

  Args:
    memory: of one problem.
    draws: float32[3, N + 1], from the posteriors.

  Returns:
    int32[], the node that gets a new child: the first one on the way whose GEN
    is not below its CONT, or none of whose children is open.
  """
  N = memory.parents.shape[0]
  goes_on = jnp.zeros(N + 1, bool).at[memory.parents].max(memory.open)
  goes_on &= draws[CONT] > draws[GEN]
  # Above -inf, or a draw of -inf would lead out of the tree.
  values = jnp.maximum(draws[CHILD, :N], jnp.finfo(draws.dtype).min)

  def go_down(node: jax.Array) -> jax.Array:
    choices = (memory.parents == node) & memory.open
    return jnp.argmax(jnp.where(choices, values, -jnp.inf)).astype(jnp.int32)

  return jax.lax.while_loop(lambda node: goes_on[node], go_down, jnp.int32(N))


def grow(
  memory: Memory, chosen: jax.Array
) -> tuple[jax.Array, jax.Array, Memory]:
  """Lets the next free slots go on from the nodes chosen for them.

  Args:
    memory: of one problem.
    chosen: int32[N], the node that each slot of the new round goes on from;
      other slots are not looked at.

  Returns:
    Parents and active as `Strategy.select` returns them, and the new Memory.
  """
  N = memory.parents.shape[0]
  slots = jnp.arange(N, dtype=jnp.int32)
  end = jnp.minimum(memory.used + memory.batch, N)
  active = (slots >= memory.used) & (slots < end)
  steps = jnp.where(active, memory.steps[chosen] + 1, memory.steps[:N])
  # A slot that was never used stands at the prompt: a child of the root stays.
  source = jnp.where(active & (chosen != N), chosen, slots)
  memory = memory.replace(
    parents=jnp.where(active, chosen, memory.parents),
    steps=memory.steps.at[:N].set(steps),
    first=memory.used,
    used=end,
  )
  return source, active, memory
