"""The batch of a search: slots that hold a problem each, and their state."""

import dataclasses
import functools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from inference_scaling import compute
from inference_scaling.decoding.batching import (
  buffers,
  checks,
  programs,
  scheduling,
  statistics,
)
from inference_scaling.decoding.batching import problems as problems_lib
from inference_scaling.models.layers import hardware
from inference_scaling.search import base, batching, resuming
from inference_scaling.search import tree as tree_lib
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


class Models(NamedTuple):
  """Both models of a search, with params that are where they are used.

  Attributes:
    policy: draws steps.
    reward: scores them.
    policy_params: of the policy.
    reward_params: of the reward.
    lookahead_params: what the policy looks ahead by, or None.
  """

  policy: batching.BatchedPolicy
  reward: batching.BatchedReward
  policy_params: Any
  reward_params: Any
  lookahead_params: Any


class Batch:
  """Problems in flight."""

  def __init__(
    self,
    models: Models,
    strategy: base.Strategy,
    seed: int,
    num_slots: int,
    max_depth: int,
    mesh: jax.sharding.Mesh | None,
    prefix: problems_lib.Prefix,
  ):
    """Makes a batch without problems; arguments as `continuous_batching`."""
    self._models, self._strategy = models, strategy
    self._mesh, self._prefix = mesh, prefix
    self._slots: list[buffers.Slot | None] = [None] * num_slots
    self._state: Any = None
    policy, reward, static_part = *models[:2], strategy.static_part
    assert strategy.init is not None  # not its static part
    self._start = functools.partial(
      programs.start, policy, reward, static_part, max_depth, mesh,
      models.policy_params, models.reward_params,
      strategy.init(policy.num_beams), jax.random.key(seed),
    )  # fmt: skip
    devices = hardware.of_mesh(mesh)
    group = scheduling.group_size(num_slots, static_part, mesh, devices)
    self._fit = buffers.Fit(policy, reward, static_part, group, devices)

  def fill(self, waiting: Iterator[problems_lib.Problem]) -> bool:
    """Starts waiting problems in free slots.

    Args:
      waiting: is taken from, once for a free slot.

    Returns:
      Whether any problem is in flight.
    """
    for slot, running in enumerate(self._slots):
      problem = None if running else next(waiting, None)
      if problem is not None:
        self._begin(slot, problem)
    return any(self._slots)

  def advance(self, stats: statistics.BatchStats) -> checks.Flags:
    """Decodes until some problems have their next steps, which are scored.

    Args:
      stats: are added to.

    Returns:
      Its flags, on the host.
    """
    sizes = self._fit(self._slots)
    models = self._models
    self._state, flags = programs.advance(
      models.policy, models.reward, self._strategy.static_part, self._mesh,
      sizes, models.policy_params, models.reward_params, self._state,
      models.lookahead_params,
    )  # fmt: skip
    flags = jax.device_get(flags)
    stats.add(sizes, flags.row_steps, flags.tokens)
    return flags

  def ended(
    self, flags: checks.Flags, answers: resuming.AnswersFn | None
  ) -> Iterator[Finished]:
    """Takes out problems whose search has ended, and frees their slots.

    Args:
      flags: of `advance`.
      answers: as of `continuous_batching`.

    Yields:
      Finished problems.

    Raises:
      ValueError, FloatingPointError: as of `continuous_batching`.
    """
    for slot, running in enumerate(self._slots):
      if running is None:
        continue
      running.text = int(flags.text[slot])
      if flags.scored[slot]:
        owners = self._models[:2]
        checks.check_slot(*owners, flags, slot, running.problem_id)
      if flags.done[slot] and not self._resumes(slot, running, answers):
        yield self._harvest(slot, running)
        self._slots[slot] = None

  def _begin(self, slot: int, problem: problems_lib.Problem) -> None:
    """Starts a problem in a slot."""
    policy, reward = self._models[:2]
    prompts = problems_lib.lay_out(policy, reward, problem, self._prefix)
    self._slots[slot] = buffers.start(problem.id, prompts, problem.num_tokens)
    # Not kept, or its prompt's caches would stay beside the next step.
    new = self._start(np.int32(problem.id), prompts)
    if self._state is None:
      self._state = programs.empty_slots(
        policy, reward, len(self._slots), self._mesh, new
      )
    self._state = programs.replace_slot(
      self._mesh, self._state, np.int32(slot), new
    )

  def _resumes(
    self, slot: int, running: buffers.Slot, answers: resuming.AnswersFn | None
  ) -> bool:
    """Lets more beams of a problem begin, where its strategy asks for some."""
    if not self._strategy.resumes or answers is None:
      return False
    tree = programs.take_slot(self._mesh, self._state.tree, np.int32(slot))
    beams = resuming.begin_next(
      self._strategy, running.problem_id, jax.device_get(tree), answers
    )
    if not beams.any():
      return False
    self._state = programs.resume(
      self._models.policy, self._mesh, self._state, np.int32(slot), beams
    )
    return True

  def _harvest(self, slot: int, running: buffers.Slot) -> Finished:
    """Brings a finished problem to the host, to each one of several."""
    owners, state = self._models[:2], self._state
    states = (state.policy_state, state.reward_state)
    pairs = list(zip(owners, states, strict=True))
    tree, counts = jax.device_get(
      programs.take_slot(
        self._mesh,
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
