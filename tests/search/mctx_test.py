"""MCTS against mctx, which makes one child where ours makes all of a node.

Told to finish the children of a node before it descends again, mctx visits the
nodes of our search one by one. Its root counts as a visit of its own, of value
0; our root is the prompt and has no value.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from tests.search import runs, toy, world

mctx = pytest.importorskip("mctx")

ROOT_CHILDREN = 4
NUM_NODES = 42  # 20 expansions of 2 children, 39 of 1
PROBLEMS = np.arange(5)
TABLE = toy.table(len(PROBLEMS), world.NUM_NUMBERS)
_jit = functools.partial(jax.jit, compiler_options=runs.QUICK)


@functools.partial(_jit, static_argnums=0)
def _ours(static_part, memory, params):
  strategy = static_part._replace(init=lambda num_beams: memory)
  return search.search(
    world.WorldPolicy(NUM_NODES), toy.TableReward(), strategy, params, TABLE,
    jnp.asarray(PROBLEMS), toy.keys(PROBLEMS), max_depth=NUM_NODES,
  ).carry  # fmt: skip


def _choose(exploration, children, rng_key, tree, node, depth=None):
  """The action of one node: first what is unfinished, then UCT."""
  del rng_key, depth

  def unvisited(node):
    width = jnp.where(node == tree.ROOT_INDEX, ROOT_CHILDREN, children)
    return (tree.children_index[node] == tree.UNVISITED) & (
      jnp.arange(tree.num_actions) < width
    )

  newest = jnp.sum(tree.node_visits > 0) - 1
  parent = jnp.maximum(tree.parents[newest], tree.ROOT_INDEX)
  unfinished = unvisited(parent).any()
  _, towards = jax.lax.while_loop(
    lambda at: (at[0] != node) & (at[0] != tree.ROOT_INDEX),
    lambda at: (tree.parents[at[0]], tree.action_from_parent[at[0]]),
    (parent, jnp.int32(0)),
  )
  visits = tree.node_visits[node] - (node == tree.ROOT_INDEX)
  bonus = jnp.log(jnp.maximum(visits, 1)) / tree.children_visits[node]
  uct = tree.children_values[node] + exploration * jnp.sqrt(bonus)
  uct = jnp.where(tree.children_visits[node] > 0, uct, -jnp.inf)
  best = jnp.where(unfinished, towards, jnp.argmax(uct))
  missing = unvisited(node)
  return jnp.where(missing.any(), jnp.argmax(missing), best).astype(jnp.int32)


@_jit
def _theirs(exploration, children):
  logits = jnp.zeros((len(PROBLEMS), ROOT_CHILDREN))
  ones = jnp.ones(len(PROBLEMS))
  problems = jnp.asarray(PROBLEMS)

  def step(table, rng_key, action, number):
    del rng_key
    number = world.child_number(number, action)
    output = mctx.RecurrentFnOutput(
      reward=0 * ones,
      discount=ones,
      prior_logits=logits,
      value=table[problems, number],
    )
    return output, number

  choose = functools.partial(_choose, exploration, children)
  return mctx.search(
    TABLE,
    jax.random.key(0),
    root=mctx.RootFnOutput(
      prior_logits=logits, value=0 * ones, embedding=problems
    ),
    recurrent_fn=step,
    root_action_selection_fn=choose,
    interior_action_selection_fn=choose,
    num_simulations=NUM_NODES,
  )


@pytest.mark.parametrize("exploration", [0.3, 1.0])
@pytest.mark.parametrize("children", [1, 2])
def test_agrees_node_by_node_with_mctx(children, exploration):
  numbers = (ROOT_CHILDREN, children)
  branches = world.branches(NUM_NODES, *numbers)
  params = world.WorldParams(jnp.asarray(branches), stop=jnp.int32(0))
  strategy = search.mcts(*numbers, exploration)
  ours = _ours(strategy.static_part, strategy.init(NUM_NODES), params)
  ours = jax.tree.map(np.asarray, ours)
  theirs = _theirs(exploration, children)
  # Their node 0 is the root, which is our last; then come nodes in our order.
  parents = np.where(ours.parents == ours.parents.shape[1], -1, ours.parents)
  np.testing.assert_array_equal(theirs.parents[:, 1:], parents + 1)
  visits = np.asarray(theirs.node_visits)
  np.testing.assert_array_equal(visits[:, 0], ours.visits[:, -1] + 1)
  np.testing.assert_array_equal(visits[:, 1:], ours.visits[:, :-1])
  totals = np.asarray(theirs.node_values) * visits
  np.testing.assert_allclose(totals[:, 0], ours.totals[:, -1], rtol=1e-5)
  np.testing.assert_allclose(totals[:, 1:], ours.totals[:, :-1], rtol=1e-5)
  # The searches of the problems differ, and some reach far.
  assert len({tuple(row) for row in parents.tolist()}) == len(PROBLEMS)
  assert ours.steps.max() > 4
