"""Continuous batching: batch slots that are refilled as problems finish.

The number of slots is fixed and one compiled program decodes for all of them
until some have their next steps; these are scored and begin another step, while
the others stay in the middle of theirs (`scheduling` says when). So a slow
problem holds up nobody: its slot goes on beside others that have been refilled.
A problem is started alone and its random keys come from the seed and its id, so
its draws do not depend on what shares the batch with it.

On a mesh of devices slots are split over 'data' and heads over 'model'. Several
processes run the same loop: its flags are whole on each of them.
"""

import dataclasses
import functools
import time
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from inference_scaling import compute
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding.batching import (
  buffers,
  checks,
  placement,
  prefixes,
  programs,
  scheduling,
  statistics,
)
from inference_scaling.decoding.batching import problems as problems_lib
from inference_scaling.models import kv_heads
from inference_scaling.models.layers import hardware
from inference_scaling.search import base, batching, resuming
from inference_scaling.search import state as search_state
from inference_scaling.search import tree as tree_lib
from inference_scaling.search.checks import entries
from inference_scaling.search.porting import whole_steps


@dataclasses.dataclass(frozen=True)
class Finished:
  """The search of one problem, on the host.

  Attributes:
    problem_id: of its `PromptProblem`.
    tree: `search.Tree` of numpy arrays, without the axis P.
    policy_counts: the policy's tokens, as numpy integers.
    reward_counts: the reward model's tokens, as numpy integers.
    cache_bytes: keys and values held for the problem, both models together.
    seconds: wall time from its start to its end, in a batch slot among others.
  """

  problem_id: int
  tree: tree_lib.Tree
  policy_counts: compute.Counts
  reward_counts: compute.Counts
  cache_bytes: int
  seconds: float


def continuous_batching(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  problems: Iterable[problems_lib.Problem],
  seed: int,
  num_slots: int,
  max_depth: int,
  mesh: jax.sharding.Mesh | None = None,
  stats: statistics.BatchStats | None = None,
  lookahead_params: Any = None,
  prefix: problems_lib.Prefix = problems_lib.NO_PREFIX,
  answers: resuming.AnswersFn | None = None,
) -> Iterator[Finished]:
  """Searches problems, several at a time, and yields each as it ends.

  The steps are those of `search.search_step`, of a policy and a reward of any
  kind; problem i has the key fold_in(key(seed), i). Programs are compiled once
  for a policy, reward, `strategy.static_part`, num_slots and each of a few
  sizes of the buffers in use, and are used again by later calls with the same
  objects.

  Args:
    policy: draws steps. One that is no `search.BatchedPolicy` draws a whole
      step of all problems at once.
    reward: scores them.
    strategy: shares out the beams.
    policy_params: weights and sampler of the policy.
    reward_params: weights of the reward model.
    problems: taken one at a time, whenever a batch slot is free;
      `PromptProblem` for a `ModelPolicy`, `EncodedProblem` for another.
    seed: of all random draws.
    num_slots: P, problems in flight.
    max_depth: most steps of a beam; J of the tree.
    mesh: of `models.make_mesh`, for both models; None for one device. With
      several processes, each must be given the same arguments. Params of a
      policy or a reward that is none of this package's lie on every device.
    stats: statistics of the batch, which are added to; None to count nothing.
    lookahead_params: given to the policy where the strategy looks ahead; None
      for those of temperature 0 without filters of a `ModelPolicy`, and for
      `policy_params` of another.
    prefix: what the prompts of all problems begin with, which models of this
      package compute once. It is charged to each problem all the same, whose
      cost would depend on others otherwise.
    answers: reads the answers of a problem's beams out of its id and its tree,
      for a strategy that resumes, see `search.resuming`; for no other one.

  Yields:
    Finished problems, in the order in which they end.

  Raises:
    ValueError: for a prompt that does not fit its buffer or lacks the prefix, a
      step that does not fit that of the reward model, two models that do not
      take the same tokens, a mesh that does not divide slots or heads, a tree
      of steps that does not fit its cache, or a wrong value from a function of
      the policy, the reward or the strategy.
    FloatingPointError: for logits or scores that are NaN or infinite.
  """
  entries.check_models(policy, reward)
  entries.check_hashable(policy, reward)
  entries.check_lookahead(strategy, policy, reward)
  entries.check_answers(strategy, answers)
  checks.check_tokens(policy, reward)
  checks.check_value_head(policy, reward, policy_params, lookahead_params)
  checks.check_mesh(policy, reward, num_slots, mesh)
  given = policy_params
  policy_params, reward_params = _put(
    policy, reward, policy_params, reward_params, mesh
  )
  lookahead_params = _put_lookahead(
    policy, lookahead_params, given, policy_params, mesh
  )
  del given  # or weights that were elsewhere stay there
  policy = whole_steps.batched_policy(policy)
  reward = whole_steps.batched_reward(reward)
  policy_params, reward_params, lookahead_params = prefixes.join(
    policy, reward, policy_params, reward_params, lookahead_params, prefix
  )
  assert strategy.init is not None  # not its static part
  start = functools.partial(
    programs.start, policy, reward, strategy.static_part, max_depth, mesh,
    policy_params, reward_params, strategy.init(policy.num_beams),
    jax.random.key(seed),
  )  # fmt: skip
  devices = hardware.of_mesh(mesh)
  group = scheduling.group_size(num_slots, strategy.static_part, mesh, devices)
  fit = buffers.Fit(policy, reward, strategy.static_part, group, devices)
  stats = stats or statistics.BatchStats()
  waiting = iter(problems)
  slots: list[buffers.Slot | None] = [None] * num_slots
  state = None
  while True:
    for slot in range(num_slots):
      problem = None if slots[slot] else next(waiting, None)
      if problem is None:
        continue
      prompts = problems_lib.lay_out(policy, reward, problem, prefix)
      slots[slot] = buffers.start(problem.id, prompts, problem.num_tokens)
      new = start(np.int32(problem.id), prompts)
      if state is None:
        state = programs.empty_slots(policy, reward, num_slots, mesh, new)
      state = programs.replace_slot(mesh, state, np.int32(slot), new)
      del new  # or it stays, with its prompt's caches, beside the next step
    if not any(slots):
      return
    sizes = fit(slots)
    state, flags = programs.advance(
      policy, reward, strategy.static_part, mesh, sizes, policy_params,
      reward_params, state, lookahead_params,
    )  # fmt: skip
    flags = jax.device_get(flags)
    stats.add(sizes, flags.row_steps, flags.tokens)
    for slot, running in enumerate(slots):
      if running is None:
        continue
      running.text = int(flags.text[slot])
      if flags.scored[slot]:
        checks.check_slot(policy, reward, flags, slot, running.problem_id)
      if not flags.done[slot]:
        continue
      if strategy.resumes and answers is not None:
        tree = programs.take_slot(mesh, state.tree, np.int32(slot))
        tree = jax.device_get(tree)
        beams = resuming.begin_next(strategy, running.problem_id, tree, answers)
        if beams.any():
          state = programs.resume(policy, mesh, state, np.int32(slot), beams)
          continue
      yield _harvest(policy, reward, mesh, state, slot, running)
      slots[slot] = None


def _put(
  policy: base.Policy,
  reward: base.Reward,
  policy_params: Any,
  reward_params: Any,
  mesh: jax.sharding.Mesh | None,
) -> tuple[Any, Any]:
  """Puts both models' params on the mesh, each by its own rule."""
  if isinstance(policy, policy_lib.ModelPolicy):
    config = policy.model.config
    weights = kv_heads.put(policy_params.weights, config, mesh)
    head = placement.put_whole(policy_params.value_head, mesh)
    policy_params = policy_params.replace(weights=weights, value_head=head)
  else:
    policy_params = placement.put_whole(policy_params, mesh)
  if isinstance(reward, reward_lib.ModelReward):
    config = reward.model.config
    return policy_params, kv_heads.put(reward_params, config, mesh)
  return policy_params, placement.put_whole(reward_params, mesh)


def _put_lookahead(
  policy: base.Policy,
  params: Any,
  before: Any,
  after: Any,
  mesh: jax.sharding.Mesh | None,
) -> Any:
  """Puts what a `ModelPolicy` looks ahead by on the mesh, too.

  Args:
    policy: of the search.
    params: what it looks ahead by, or None.
    before: the policy's params as they were given.
    after: the same on the mesh; weights that are the policy's are not put
      there again.
    mesh: or None.
  """
  if params is None or not isinstance(policy, policy_lib.ModelPolicy):
    return params
  params = params.replace(value_head=after.value_head)
  if params.weights is before.weights:
    return params.replace(weights=after.weights)
  weights = kv_heads.put(params.weights, policy.model.config, mesh)
  return params.replace(weights=weights)


def _harvest(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  mesh: jax.sharding.Mesh | None,
  state: search_state.SearchState,
  slot: int,
  running: buffers.Slot,
) -> Finished:
  """Brings a finished problem to the host, to each one of several."""
  owners = (policy, reward)
  states = (state.policy_state, state.reward_state)
  pairs = list(zip(owners, states, strict=True))
  tree, counts = jax.device_get(
    programs.take_slot(
      mesh,
      (state.tree, [owner.counts(part) for owner, part in pairs]),
      np.int32(slot),
    )
  )
  policy_counts, reward_counts = (
    whole_steps.add_prompt(owner, count, running.tokens)
    for owner, count in zip(owners, counts, strict=True)
  )
  held = [owner.held(part) for owner, part in pairs]
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
