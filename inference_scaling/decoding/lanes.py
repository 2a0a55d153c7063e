"""The host loop: problems in flight, each in a lane, refilled as they finish.

The number of lanes is fixed and one compiled program decodes for all of them
until some have their next steps; these are scored and begin another step, while
the others stay in the middle of theirs (`scheduling` says when). So a slow
problem holds up nobody: its lane goes on beside others that have been refilled.
A problem is started alone and its random keys come from the seed and its id, so
its draws do not depend on what shares the batch with it.

On a mesh of devices lanes are split over 'data' and heads over 'model'. Several
processes run this loop alike: what it looks at is whole on each of them.
"""

import dataclasses
import functools
import time
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from inference_scaling import compute
from inference_scaling.decoding import (
  lane_checks,
  lane_programs,
  lane_sizes,
  lane_stats,
  placement,
  scheduling,
)
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import problems as problems_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.search import base, entries, whole_steps
from inference_scaling.search import tree as tree_lib


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
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  problems: Iterable[problems_lib.Problem],
  seed: int,
  num_lanes: int,
  max_depth: int,
  mesh: jax.sharding.Mesh | None = None,
  stats: lane_stats.LaneStats | None = None,
  lookahead_params: Any = None,
) -> Iterator[Finished]:
  """Searches problems, several at a time, and yields each as it ends.

  The steps are those of `search.search_step`, of a policy and a reward of any
  kind; problem i has the key fold_in(key(seed), i). Programs are compiled once
  for a policy, reward, `strategy.rules`, num_lanes and each of a few sizes of
  the buffers in use, and are used again by later calls with the same objects.

  Args:
    policy: draws steps. One that is no `search.BatchedPolicy` draws a whole
      step of all problems at once.
    reward: scores them.
    strategy: shares out the beams.
    policy_params: weights and sampler of the policy.
    reward_params: weights of the reward model.
    problems: read one at a time, whenever a lane is free; `PromptProblem` for a
      `ModelPolicy`, `EncodedProblem` for another.
    seed: of all random draws.
    num_lanes: P, problems in flight.
    max_depth: most steps of a beam; J of the tree.
    mesh: of `models.make_mesh`, for both models; None for one device. With
      several processes, each must be given the same arguments. Params of a
      policy or a reward that is none of this package's lie on every device.
    stats: what the lanes do is added to it; None to count nothing.
    lookahead_params: given to the policy where the strategy looks ahead; None
      for those of temperature 0 without filters of a `ModelPolicy`, and for
      `policy_params` of another.

  Yields:
    Finished problems, in the order in which they end.

  Raises:
    ValueError: for a prompt that does not fit its buffer, a step that does not
      fit that of the reward model, two models that do not read the same tokens,
      a mesh that does not divide lanes or heads, a tree of steps that does not
      fit its cache, or a wrong value from a function of the policy, the reward
      or the strategy.
    FloatingPointError: for logits or scores that are NaN or infinite.
  """
  entries.check_models(policy, reward)
  entries.check_hashable(policy, reward)
  entries.check_lookahead(strategy, policy, reward)
  lane_checks.check_tokens(policy, reward)
  lane_checks.check_mesh(policy, reward, num_lanes, mesh)
  policy_params, reward_params = _put(
    policy, reward, policy_params, reward_params, mesh
  )
  policy = whole_steps.batched_policy(policy)
  reward = whole_steps.batched_reward(reward)
  start = functools.partial(
    lane_programs.start, policy, reward, strategy.rules, max_depth, mesh,
    policy_params, reward_params, strategy.init(policy.num_beams),
    jax.random.key(seed),
  )  # fmt: skip
  group = scheduling.group_size(num_lanes, strategy.rules, mesh)
  fit = lane_sizes.Fit(policy, reward, strategy.rules, group)
  stats = stats or lane_stats.LaneStats()
  waiting = iter(problems)
  lanes: list[lane_sizes.Lane | None] = [None] * num_lanes
  state = None
  while True:
    for lane in range(num_lanes):
      problem = None if lanes[lane] else next(waiting, None)
      if problem is None:
        continue
      prompts = problems_lib.lay_out(policy, reward, problem)
      lanes[lane] = lane_sizes.start(problem.id, prompts, problem.num_tokens)
      new = start(np.int32(problem.id), prompts)
      if state is None:
        state = lane_programs.empty_lanes(policy, reward, num_lanes, mesh, new)
      state = lane_programs.replace_lane(mesh, state, np.int32(lane), new)
      del new  # or it stays, with its prompt's caches, beside the next step
    if not any(lanes):
      return
    sizes = fit(lanes)
    state, flags = lane_programs.advance(
      policy, reward, strategy.rules, mesh, sizes, policy_params,
      reward_params, state, lookahead_params,
    )  # fmt: skip
    flags = jax.device_get(flags)
    stats.add(sizes, flags.row_steps, flags.tokens)
    for lane, running in enumerate(lanes):
      if running is None:
        continue
      running.text = int(flags.text[lane])
      if flags.settled[lane]:
        lane_checks.check_lane(policy, reward, flags, lane, running.problem_id)
      if flags.done[lane]:
        yield _harvest(policy, reward, mesh, state, lane, running)
        lanes[lane] = None


def _put(policy, reward, policy_params, reward_params, mesh):
  """Puts what both are given on the mesh, each by its own rule."""
  if isinstance(policy, policy_lib.ModelPolicy):
    weights = placement.put_weights(policy_params.weights, mesh)
    policy_params = policy_params.replace(weights=weights)
  else:
    policy_params = placement.put_whole(policy_params, mesh)
  if isinstance(reward, reward_lib.ModelReward):
    return policy_params, placement.put_weights(reward_params, mesh)
  return policy_params, placement.put_whole(reward_params, mesh)


def _harvest(
  policy, reward, mesh, state, lane: int, running: lane_sizes.Lane
) -> Finished:
  """Brings a finished problem to the host, to each one of several."""
  owners = (policy, reward)
  states = (state.policy_state, state.reward_state)
  pairs = list(zip(owners, states, strict=True))
  tree, counts = jax.device_get(
    lane_programs.take_lane(
      mesh,
      (state.tree, [owner.counts(one) for owner, one in pairs]),
      np.int32(lane),
    )
  )
  policy_counts, reward_counts = (
    whole_steps.add_prompt(owner, one, running.tokens)
    for owner, one in zip(owners, counts, strict=True)
  )
  held = [owner.held(one) for owner, one in pairs]
  return Finished(
    problem_id=running.problem_id,
    tree=tree,
    policy_counts=policy_counts,
    reward_counts=reward_counts,
    cache_bytes=_bytes(held) // state.depth.shape[0],
    seconds=time.monotonic() - running.started,
  )


def _bytes(tree: Any) -> int:
  """Bytes of all arrays."""
  return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
