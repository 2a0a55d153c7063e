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
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.search import base
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
  stats: lane_stats.LaneStats | None = None,
) -> Iterator[Finished]:
  """Searches problems, several at a time, and yields each as it ends.

  Programs are compiled once for a policy, reward, `strategy.rules`, num_lanes
  and each of a few sizes of the buffers in use, and are used again by later
  calls with the same objects.

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
    stats: what the lanes do is added to it; None to count nothing.

  Yields:
    Finished problems, in the order in which they end.

  Raises:
    ValueError: for a prompt that does not fit its buffer, a step that does not
      fit that of the reward model, two models that do not read the same tokens,
      a mesh that does not divide lanes or heads, or a tree of steps that does
      not fit its cache.
    FloatingPointError: for logits or scores that are NaN or infinite.
  """
  lane_checks.check_vocabularies(policy, reward)
  lane_checks.check_mesh(policy, reward, num_lanes, mesh)
  put = functools.partial(placement.put_weights, mesh=mesh)
  policy_params = policy_params.replace(weights=put(policy_params.weights))
  reward_params = put(reward_params)
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
      prompts = _pad_prompts(policy, reward, problem)
      lanes[lane] = lane_sizes.start(problem.id, prompts)
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
      reward_params, state,
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
        yield _harvest(mesh, state, lane, running)
        lanes[lane] = None


def _harvest(mesh, state, lane: int, running: lane_sizes.Lane) -> Finished:
  """Brings a finished problem to the host, to each one of several."""
  tree, policy_counts, reward_counts = jax.device_get(
    lane_programs.take_lane(
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
  return limits_lib.shorten(
    limits_lib.pad_prompt(
      problem.id, problem.tokens, policy.limits, own, reward.limits
    )
  )
