"""The search loop that all strategies share: extend, score, select, fork.

Nothing here is jitted. Jit `search`, or `search_step` when the host looks at
the state between depths; policy, reward and the strategy's rules are static
arguments.

Axis letters: P problems in flight, N beams per problem, J depths at most.
"""

import functools
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.search import base, checks, duplicates, extension, tree
from inference_scaling.search.tree import Tree


@flax.struct.dataclass
class SearchState:
  """All that changes during P searches; problem p is row p of every leaf.

  Attributes:
    keys: typed PRNG keys [P], never changed.
    depth: int32[P], depths done.
    status: int32[P, N], by slot, after the last fork.
    active: bool[P, N], the beams to extend next; none when the search is done.
    scores: float32[P, N], the newest reward of each beam.
    labels: int32[P, N], equal for beams of the same steps, where the strategy
      asks for it (`duplicates`).
    carry: the strategy's, leading axis P.
    policy_state: the policy's, leading axis P.
    reward_state: the reward's, leading axis P.
    tree: the steps so far.
  """

  keys: jax.Array
  depth: jax.Array
  status: jax.Array
  active: jax.Array
  scores: jax.Array
  labels: jax.Array
  carry: Any
  policy_state: Any
  reward_state: Any
  tree: Tree


def init_search(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  prompts: Any,
  keys: jax.Array,
  *,
  max_depth: int,
) -> SearchState:
  """Starts P searches with N beams each.

  Args:
    policy: its `num_beams` is N.
    reward: judges the policy's steps.
    strategy: its `init` and `first` are used here.
    policy_params: given to the policy's functions.
    reward_params: given to the reward's functions.
    prompts: a pytree of arrays with a leading axis P.
    keys: typed PRNG keys [P]. Make each out of the seed and the problem's own
      number, and no draw depends on the other problems.
    max_depth: J. Beams still running after J steps become TRUNCATED.

  Returns:
    The SearchState before the first step.

  Raises:
    ValueError: on a wrong argument or a wrong value from a user function.
  """
  _check_arguments(policy, keys, max_depth)
  _check_strategy(strategy)
  P, N = keys.shape[0], policy.num_beams
  checks.check_leading("prompts", prompts, (P,))
  policy_state = policy.start(policy_params, prompts)
  checks.check_leading("the state from policy.start", policy_state, (P,))
  reward_state = reward.start(reward_params, prompts)
  checks.check_leading("the state from reward.start", reward_state, (P,))
  carry = strategy.init(N)
  active = jnp.broadcast_to(_first(strategy, N, carry)[None], (P, N))
  extended = jax.eval_shape(
    policy.extend, policy_params, extension.beam_keys(keys, N), policy_state,
    active,
  )  # fmt: skip
  checks.check_tuple("policy.extend", extended, ("state", "Step"))
  extension.check_step(extended[1], P, N)
  return SearchState(
    keys=keys,
    depth=jnp.zeros((P,), jnp.int32),
    status=jnp.full((P, N), base.RUNNING, jnp.int32),
    active=active,
    scores=jnp.zeros((P, N), jnp.float32),
    labels=jnp.zeros((P, N), jnp.int32),
    carry=jax.tree.map(functools.partial(_repeat, P=P), carry),
    policy_state=policy_state,
    reward_state=reward_state,
    tree=tree.empty_tree(P, max_depth, N, extended[1].content),
  )


def search_step(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  state: SearchState,
  *,
  lookahead_params: Any = None,
) -> SearchState:
  """Takes every problem that still has an active beam one depth further.

  A problem that is done passes through unchanged, bit for bit; its policy and
  reward states go through user functions, which leave inactive beams alone.

  Args:
    policy: as for `init_search`.
    reward: as for `init_search`.
    strategy: its `init` is not used, so `strategy.rules` will do: its numbers
      are in `state.carry`, so that a jitted step serves every temperature.
    policy_params: given to the policy's functions.
    reward_params: given to the reward's functions.
    state: from `init_search` or a step before.
    lookahead_params: given to the policy instead, where the strategy looks
      ahead (for a greedy look-ahead: those of temperature 0); None for
      `policy_params`.

  Returns:
    The new SearchState.

  Raises:
    ValueError: on a wrong value from a user function.
  """
  N = policy.num_beams
  lanes = jnp.any(state.active, axis=1)
  depth_keys = jax.vmap(jax.random.fold_in)(state.keys, state.depth)
  models = extension.Models(policy, reward, policy_params, reward_params)
  policy_state, reward_state, step, scores = extension.extend_and_score(
    models, extension.beam_keys(depth_keys, N), state.policy_state,
    state.reward_state, state.active,
  )  # fmt: skip
  status = jnp.where(state.active, step.status, state.status)
  scores = jnp.where(state.active, scores, state.scores)
  left = state.tree.parents.shape[1] - 1 - state.depth
  last = (left <= 0)[:, None]
  ended = last & state.active & (status == base.RUNNING)
  status = jnp.where(ended, base.TRUNCATED, status)

  status, labels, multiplicity = _settle_duplicates(
    strategy, state, step, status
  )
  beams = base.Beams(scores, status, state.active, multiplicity)
  if strategy.lookahead:
    if lookahead_params is not None:
      models = models._replace(policy_params=lookahead_params)
    policy_state, reward_state, ahead = extension.look_ahead(
      models, _fold(depth_keys, N + 1), policy_state, reward_state, beams,
      strategy.lookahead, left,
    )  # fmt: skip
    beams = beams._replace(scores=ahead)
  parents, chosen, carry = jax.vmap(
    lambda *args: _select_checked(strategy.select, *args)
  )(_fold(depth_keys, N), beams, state.carry)
  parents = jnp.where(lanes[:, None], parents, jnp.arange(N)[None])
  level = Tree(
    parents=parents,
    active=state.active,
    scores=scores,
    status=status,
    num_tokens=step.num_tokens,
    contents=step.content,
  )
  with jax.named_scope("fork"):
    policy_state = extension.fork("policy", policy, policy_state, parents)
    reward_state = extension.fork("reward", reward, reward_state, parents)
  status, scores, labels = (
    jnp.take_along_axis(leaf, parents, axis=1)
    for leaf in (status, scores, labels)
  )
  return SearchState(
    keys=state.keys,
    depth=state.depth + lanes,
    status=status,
    # The tree has no room for more depths, whatever a strategy asks for.
    active=lanes[:, None] & chosen & (status == base.RUNNING) & ~last,
    scores=scores,
    labels=labels,
    carry=tree.where(lanes, carry, state.carry),
    policy_state=policy_state,
    reward_state=reward_state,
    tree=tree.write_depth(state.tree, lanes, state.depth, level),
  )


def is_done(state: SearchState) -> jax.Array:
  """bool[P], True for the problems without an active beam."""
  return ~jnp.any(state.active, axis=1)


def replace_lane(
  state: SearchState, lane: jax.Array, new_state: SearchState
) -> SearchState:
  """Puts another problem in a lane.

  Args:
    state: of P problems.
    lane: int32[], which problem to replace, in [0, P).
    new_state: of one problem (P = 1), otherwise of the same shapes.

  Returns:
    The SearchState with row `lane` of every leaf replaced.
  """
  return jax.tree.map(
    lambda leaf, new: leaf.at[lane].set(new[0]), state, new_state
  )


def search(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  prompts: Any,
  keys: jax.Array,
  *,
  max_depth: int,
  lookahead_params: Any = None,
) -> SearchState:
  """Searches P problems to their ends.

  Arguments are those of `init_search` and `search_step`. A result depends on
  the problem's prompt and key alone, not on its neighbours.

  Returns:
    The final SearchState. Candidates are the slots with a terminal status;
    `trace.candidate_paths` gives their steps.
  """
  state = init_search(
    policy, reward, strategy, policy_params, reward_params, prompts, keys,
    max_depth=max_depth,
  )  # fmt: skip
  return jax.lax.while_loop(
    lambda state: jnp.any(state.active),
    lambda state: search_step(
      policy, reward, strategy, policy_params, reward_params, state,
      lookahead_params=lookahead_params,
    ),
    state,
  )  # fmt: skip


def _check_arguments(policy, keys, max_depth):
  """Raises a ValueError for what cannot start a search."""
  typed = jnp.issubdtype(getattr(keys, "dtype", None), jax.dtypes.prng_key)
  if not typed or keys.ndim != 1:
    raise ValueError(
      f"search: keys are {jax.typeof(keys)}, expected typed PRNG keys [P]; "
      "make them with jax.vmap(jax.random.key) or jax.random.split"
    )
  for name, number in (
    ("num_beams", policy.num_beams),
    ("max_depth", max_depth),
  ):
    if not isinstance(number, int) or number < 1:
      raise ValueError(
        f"search: {name} is {number!r}, expected a whole number of at least 1"
      )


def _check_strategy(strategy):
  """Raises a ValueError for a strategy that cannot start a search."""
  if strategy.init is None:
    raise ValueError(
      "search: strategy.init is None, expected a function of num_beams; give "
      "the strategy itself, not its rules"
    )
  if strategy.duplicates not in base.DUPLICATES:
    raise ValueError(
      f"search: strategy.duplicates is {strategy.duplicates!r}, expected one "
      f"of {base.DUPLICATES}"
    )
  lookahead = strategy.lookahead
  if not isinstance(lookahead, int) or lookahead < 0:
    raise ValueError(
      f"search: strategy.lookahead is {lookahead!r}, expected a whole number "
      "of at least 0"
    )


def _first(strategy, num_beams, carry):
  """The beams to extend at depth 0, bool[N], checked."""
  if strategy.first is None:
    return jnp.ones(num_beams, bool)
  active = strategy.first(num_beams, carry)
  checks.check_array("active from first", active, (num_beams,), jnp.bool_)
  return active


def _repeat(leaf, P):
  """A leaf of a strategy's carry for each of P problems."""
  if not isinstance(leaf, jax.Array):
    # Strongly typed, or the second step of a jitted loop compiles again.
    leaf = jnp.asarray(leaf, jnp.result_type(leaf))
  return jnp.broadcast_to(leaf[None], (P, *leaf.shape))


def _fold(keys, number):
  """Folds one number into each of some keys [P]."""
  return jax.vmap(jax.random.fold_in, (0, None))(keys, number)


def _settle_duplicates(strategy, state, step, status):
  """Status, labels and multiplicity of the beams, each int32[P, N]."""
  if strategy.duplicates == base.KEEP:
    return status, state.labels, jnp.ones_like(status)
  labels = jax.vmap(duplicates.label)(
    state.labels, step.content, state.active, status
  )
  settle = functools.partial(duplicates.settle, strategy.duplicates)
  settled, multiplicity = jax.vmap(settle)(labels, status)
  # A problem that is done may hold copies of one answer: they stay.
  status, labels = tree.where(
    ~is_done(state), (settled, labels), (status, state.labels)
  )
  return status, labels, multiplicity


def _select_checked(select, key, beams, carry):
  """Calls a strategy's select for one problem and checks what it returns."""
  selected = select(key, beams, carry)
  checks.check_tuple("select", selected, ("parents", "active", "carry"))
  parents, active, new_carry = selected
  shape = beams.status.shape
  checks.check_array("parents from select", parents, shape, jnp.int32)
  checks.check_array("active from select", active, shape, jnp.bool_)
  checks.check_same("the carry from select", carry, new_carry)
  return parents, active, new_carry
