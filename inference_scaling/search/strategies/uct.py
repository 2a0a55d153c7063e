"""The tree of an MCTS: memory, backup, descent by UCT and expansion.

All for ONE problem; the loop vmaps them.

Axis letter: N beams. Slot s holds node s for good: the beam at the end of its
step. The root, which is the prompt, is node N and no beam.
"""

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.search import base


class Memory(flax.struct.PyTreeNode):
  """The search tree of one problem and the numbers of the search.

  A slot that was never used counts as a child of the root that is yet to come.

  Attributes:
    parents: int32[N], the node that each node goes on from; N for the root.
    steps: int32[N + 1], steps from the prompt to the end of each node.
    visits: int32[N + 1], values backed up through each node, its own included.
    totals: float32[N + 1], their sum: a node's mean value Q is totals / visits.
    expandable: int32[N + 1], nodes in each subtree, its top included, that can
      be expanded. Where there are none the subtree is closed.
    expanded: bool[N + 1], True where all children are made.
    path: bool[N + 1], the node expanded last and all nodes above it.
    first: int32[], the first slot of the newest round.
    used: int32[], slots in use; those of the newest round are the last of them.
    expansions: int32[], how many more nodes may be expanded.
    root_children: int32[].
    children: int32[], of every other node.
    exploration: float32[], C.
    max_steps: int32[], nodes with so many steps are not expanded.
  """

  parents: jax.Array
  steps: jax.Array
  visits: jax.Array
  totals: jax.Array
  expandable: jax.Array
  expanded: jax.Array
  path: jax.Array
  first: jax.Array
  used: jax.Array
  expansions: jax.Array
  root_children: jax.Array
  children: jax.Array
  exploration: jax.Array
  max_steps: jax.Array


def back_up(memory: Memory, beams: base.Beams) -> Memory:
  """Counts the values of the newest nodes, in the order of slots.

  Args:
    memory: in which the newest nodes are the slots from `first` to `used`, and
      `path` leads to the node above them all.
    beams: after these nodes were made. DROPPED ones have no value, and no
      descent will find them.

  Returns:
    The new Memory.
  """
  made = beams.active & (beams.status != base.DROPPED)
  weights = jnp.where(made, beams.multiplicity, 0)
  values = jnp.where(made, beams.scores, 0) * weights
  may_go_on = made & (beams.status == base.RUNNING)
  may_go_on &= memory.steps[:-1] < memory.max_steps

  # One by one: a sum over slots might round differently with other neighbours.
  def add(slot: jax.Array, memory: Memory) -> Memory:
    path = memory.path.at[slot].set(True)
    return memory.replace(
      visits=memory.visits + jnp.where(path, weights[slot], 0),
      totals=memory.totals + jnp.where(path, values[slot], 0),
      expandable=memory.expandable + (path & may_go_on[slot]),
    )

  return jax.lax.fori_loop(memory.first, memory.used, add, memory)


def descend(memory: Memory) -> tuple[jax.Array, jax.Array]:
  """Follows UCT from the root to a node that is not expanded.

  Args:
    memory: of one problem.

  Returns:
    int32[], the node: the root if some of its children are yet to come, or if
    it is closed. And bool[N + 1], the path to it.
  """
  N = memory.parents.shape[0]
  # At least 1: a node without a value is never a choice, and 0 / 0 is avoided.
  visits = jnp.maximum(memory.visits, 1).astype(jnp.float32)
  mean = memory.totals[:N] / visits[:N]
  bonus = jnp.sqrt(jnp.log(visits)[memory.parents] / visits[:N])
  bounds = mean + memory.exploration * bonus
  # Above -inf, or with a score of -inf the descent would leave the tree.
  bounds = jnp.maximum(bounds, jnp.finfo(bounds.dtype).min)
  is_open = memory.expandable > 0

  def go_down(state: tuple[jax.Array, jax.Array]):
    node, path = state
    choices = (memory.parents == node) & is_open[:N]
    best = jnp.argmax(jnp.where(choices, bounds, -jnp.inf)).astype(jnp.int32)
    return best, path.at[best].set(True)

  return jax.lax.while_loop(
    lambda state: memory.expanded[state[0]] & is_open[N],
    go_down,
    (jnp.int32(N), jnp.arange(N + 1) == N),
  )


def expand(
  memory: Memory, node: jax.Array, path: jax.Array
) -> tuple[jax.Array, jax.Array, Memory]:
  """Lets the next free slots go on from a node, if the search goes on.

  Args:
    memory: of one problem.
    node: int32[], from `descend`.
    path: bool[N + 1], from `descend`.

  Returns:
    Parents and active as `Strategy.select` returns them, and the new Memory.
  """
  N = memory.parents.shape[0]
  slots = jnp.arange(N, dtype=jnp.int32)
  for_root = ~memory.expanded[N]
  expands = ~for_root & (memory.expandable[N] > 0)
  expands &= (memory.expansions > 0) & (memory.used < N)
  end = memory.used + memory.children
  end = jnp.where(for_root, jnp.minimum(end, memory.root_children), end)
  end = jnp.where(for_root | expands, jnp.minimum(end, N), memory.used)
  active = (slots >= memory.used) & (slots < end)

  # Unused slots are equal, so that all but the first of them may be DROPPED:
  # the root's next children, and the first slot after them, go on from that.
  moved = active | (for_root & (slots == end))
  source = jnp.where(for_root, jnp.minimum(memory.used, N - 1), node)
  whole = expands | (for_root & (end >= memory.root_children))
  steps = jnp.where(active, memory.steps[node] + 1, memory.steps[:N])
  memory = memory.replace(
    parents=jnp.where(active, node, memory.parents),
    steps=memory.steps.at[:N].set(steps),
    expandable=memory.expandable - (path & expands),
    expanded=memory.expanded.at[node].set(memory.expanded[node] | whole),
    path=path,
    first=memory.used,
    used=end,
    expansions=memory.expansions - expands,
  )
  return jnp.where(moved, source, slots), active, memory
