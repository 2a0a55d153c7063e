"""The host loop: problems in flight, each in a lane, refilled as they finish.

The number of lanes is fixed and one compiled program advances all of them by
one step, so a slow problem holds up nobody: its lane goes on beside others that
have been refilled. A problem is started alone and its random keys come from the
seed and its id, so its draws do not depend on what shares the batch with it.

On a mesh of devices lanes are split over 'data' and heads over 'model'. Several
processes run this loop alike: what it looks at is whole on each of them.
"""

import dataclasses
import functools
import time
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import compute
from inference_scaling.decoding import lane_checks, own_caches, placement
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.search import base
from inference_scaling.search import loop as loop_lib
from inference_scaling.search import state as search_state
from inference_scaling.search import tree as tree_lib


@dataclasses.dataclass(frozen=True)
class PromptProblem:
  """A problem as the models see it.

  Attributes:
    id: a number of its own; with the seed it fixes the random draws.
    tokens: the prompt's token ids.
    reward_tokens: the same of a reward model that does not read the policy's
      tokens, as its form encodes the question; None for one that does.
  """

  id: int
  tokens: tuple[int, ...]
  reward_tokens: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Finished:
  """The search of one problem, on the host.

  Attributes:
    problem_id: of its `PromptProblem`.
    tree: `search.Tree` of numpy arrays, without the axis P.
    policy_counts: the policy's tokens, as numpy integers.
    reward_counts: the reward model's tokens, as numpy integers.
    cache_bytes: keys and values held for the problem, both models together.
    seconds: wall time from its start to its end, in a lane among others.
  """

  problem_id: int
  tree: tree_lib.Tree
  policy_counts: compute.Counts
  reward_counts: compute.Counts
  cache_bytes: int
  seconds: float


def run_lanes(
  policy: policy_lib.ModelPolicy,
  reward: reward_lib.ModelReward,
  strategy: base.Strategy,
  policy_params: state_lib.PolicyParams,
  reward_params,
  problems: Iterable[PromptProblem],
  seed: int,
  num_lanes: int,
  max_depth: int,
  mesh: jax.sharding.Mesh | None = None,
) -> Iterator[Finished]:
  """Searches problems, several at a time, and yields each as it ends.

  Programs are compiled once for a policy, reward, `strategy.rules` and
  num_lanes, and are used again by later calls with the same objects.

  Args:
    policy: draws steps.
    reward: scores them.
    strategy: shares out the beams. Looking ahead is greedy: at temperature 0,
      without filters.
    policy_params: weights and sampler of the policy.
    reward_params: weights of the reward model.
    problems: read one at a time, whenever a lane is free.
    seed: of all random draws.
    num_lanes: P, problems in flight.
    max_depth: most steps of a beam; J of the tree.
    mesh: of `models.make_mesh`, for both models; None for one device. With
      several processes, each must be given the same arguments.

  Yields:
    Finished problems, in the order in which they end.

  Raises:
    ValueError: for a prompt that does not fit its buffer, a step that does not
      fit that of the reward model, two models that do not read the same tokens,
      a mesh that does not divide lanes or heads, or more beams at once than a
      model has rows for.
    FloatingPointError: for logits or scores that are NaN or infinite.
  """
  lane_checks.check_vocabularies(policy, reward)
  lane_checks.check_mesh(policy, reward, num_lanes, mesh)
  put = functools.partial(placement.put_weights, mesh=mesh)
  policy_params = policy_params.replace(weights=put(policy_params.weights))
  reward_params = put(reward_params)
  start = functools.partial(
    _start, policy, reward, strategy.rules, max_depth, mesh, policy_params,
    reward_params, strategy.init(policy.num_beams), jax.random.key(seed),
  )  # fmt: skip
  waiting = iter(problems)
  lanes: list[_Lane | None] = [None] * num_lanes
  state = None
  while True:
    for lane in range(num_lanes):
      problem = None if lanes[lane] else next(waiting, None)
      if problem is None:
        continue
      lanes[lane] = _Lane(problem.id, time.monotonic())
      prompts = _pad_prompts(policy, reward, problem)
      new = start(np.int32(problem.id), prompts)
      if state is None:
        state = _empty_lanes(policy, reward, num_lanes, mesh, new)
      state = _replace_lane(mesh, state, np.int32(lane), new)
      del new  # or it stays, with its prompt's caches, beside the next step
    if not any(lanes):
      return
    state = _step(
      policy, reward, strategy.rules, mesh, policy_params, reward_params, state
    )
    flags = jax.device_get(_flags(mesh, state))
    for lane, running in enumerate(lanes):
      if running is None:
        continue
      lane_checks.check_rows(policy, reward, flags, lane, running.problem_id)
      lane_checks.check_finite(flags, lane, running.problem_id)
      lane_checks.check_reads(flags, lane, running.problem_id, reward.limits)
      if flags.done[lane]:
        yield _harvest(mesh, state, lane, running)
        lanes[lane] = None


@dataclasses.dataclass(frozen=True)
class _Lane:
  """Who is in a lane, since when (seconds of the monotonic clock)."""

  problem_id: int
  started: float


# Jitted here, at the border to the host. Policies, rewards and strategies are
# static and compared by identity; whatever a sweep varies is an array.
@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3, 4))
def _start(
  policy, reward, rules, max_depth, mesh, policy_params, reward_params, carry,
  key, problem_id, prompts,
):  # fmt: skip
  """Starts one problem alone, so that its bits do not depend on the others.

  What comes out lacks the beams' own caches, which are empty: they would take
  as much as a lane, beside all lanes.
  """
  # The carry comes in as arrays: a new temperature is no new program.
  strategy = rules._replace(init=lambda num_beams: carry)
  state = loop_lib.init_search(
    policy, reward, strategy, policy_params, reward_params, prompts,
    jax.random.fold_in(key, problem_id)[None], max_depth=max_depth,
  )  # fmt: skip
  return placement.constrain(own_caches.remove(state), mesh, alone=True)


# Donated: caches are updated where they are, not held twice.
@functools.partial(
  jax.jit, static_argnums=(0, 1, 2, 3), donate_argnames=("state",)
)
def _step(policy, reward, rules, mesh, policy_params, reward_params, state):
  """Advances all lanes by one step."""
  ahead = None
  if rules.lookahead:  # greedy, as in search-and-learn
    ahead = policy_params.replace(
      temperature=jnp.float32(0), top_k=None, top_p=None
    )
  state = loop_lib.search_step(
    policy, reward, rules, policy_params, reward_params, state,
    lookahead_params=ahead,
  )  # fmt: skip
  return placement.constrain(state, mesh)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def _replace_lane(mesh, state, lane, new):
  """Puts a started problem in a lane."""
  return placement.constrain(own_caches.replace_lane(state, lane, new), mesh)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _empty_lanes(policy, reward, num_lanes, mesh, new):
  """Makes lanes that hold nothing, in the form of a started problem."""
  lanes = jnp.zeros(num_lanes, jnp.int32)
  state = jax.tree.map(lambda leaf: leaf[lanes], new)
  state = own_caches.empty(state, policy, reward)
  state = state.replace(active=jnp.zeros_like(state.active))
  return placement.constrain(state, mesh)


@functools.partial(jax.jit, static_argnums=0)
def _flags(mesh, state) -> lane_checks.Flags:
  flags = lane_checks.Flags(
    done=search_state.is_done(state),
    depth=state.depth,
    policy_finite=state.policy_state.finite,
    reward_finite=state.reward_state.finite,
    policy_widest=state.policy_state.widest,
    reward_widest=state.reward_state.widest,
    reward_beyond=state.reward_state.beyond,
    every_step_read=(state.reward_state.reads == state.reward_state.steps).all(
      axis=1
    ),
  )
  return placement.replicate(flags, mesh)


@functools.partial(jax.jit, static_argnums=0)
def _take_lane(mesh, tree, lane):
  if mesh is None:
    return jax.tree.map(lambda leaf: leaf[lane], tree)

  def pick(leaf):
    # Summed over lanes, all others 0, since indexing would gather all lanes.
    here = jnp.arange(leaf.shape[0]) == lane
    here = jnp.expand_dims(here, range(1, leaf.ndim))
    return jnp.where(here, leaf, 0).sum(axis=0).astype(leaf.dtype)

  return placement.replicate(jax.tree.map(pick, tree), mesh)


def _harvest(mesh, state, lane: int, running: _Lane) -> Finished:
  """Brings a finished problem to the host, to each one of several."""
  tree, policy_counts, reward_counts = jax.device_get(
    _take_lane(
      mesh,
      (state.tree, state.policy_state.counts, state.reward_state.counts),
      np.int32(lane),
    )
  )
  caches = (state.policy_state.cache, state.reward_state.cache)
  size = sum(leaf.nbytes for leaf in jax.tree.leaves(caches))
  return Finished(
    problem_id=running.problem_id,
    tree=tree,
    policy_counts=policy_counts,
    reward_counts=reward_counts,
    cache_bytes=size // state.depth.shape[0],
    seconds=time.monotonic() - running.started,
  )


def _pad_prompts(policy, reward, problem: PromptProblem) -> limits_lib.Prompts:
  """Lays out a problem's prompts, that of the reward model if it has one."""
  own = problem.reward_tokens if reward.translator else None
  if reward.translator and own is None:
    raise ValueError(
      f"problem {problem.id} has no reward_tokens, but the reward model does "
      "not read the policy's tokens. Give it the tokens of "
      "model.form.encode_prompt(question)."
    )
  return limits_lib.pad_prompt(
    problem.id, problem.tokens, policy.limits, own, reward.limits
  )
