"""Adapters: any `Policy` and any `Reward` work in an engine.

One write is one whole step of all live beams, so that an engine takes the very
steps of `search_step`. A plain object reports nothing but its steps: tokens are
those of `Step.num_tokens`, and the positions that they attended to are not
counted. One that has the functions of `Batched` reports for itself.

Axis letters: P problems in flight, N beams per problem.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import flax.struct
import jax
import jax.numpy as jnp
from typing_extensions import override

from inference_scaling import compute
from inference_scaling.search import base, batching, extension, tree
from inference_scaling.search.checks import values

# Stands for the model that a call does not use.
_UNUSED: Any = None


def batched_policy(policy: base.Policy) -> batching.BatchedPolicy:
  """Makes a policy fit for an engine.

  Args:
    policy: any; one that is fit already is returned as it is.

  Returns:
    The policy; two of equal policies are equal.
  """
  # From Python 3.12 on, a protocol does not see what `__getattr__` gives.
  if isinstance(policy, (WholeSteps, batching.BatchedPolicy)):
    return policy
  # Its `rewind`, if any, is found by `__getattr__`.
  return cast(batching.BatchedPolicy, WholeSteps(policy))


def batched_reward(reward: base.Reward) -> batching.BatchedReward:
  """Makes a reward fit for an engine; as `batched_policy`."""
  if isinstance(reward, (WholeScores, batching.BatchedReward)):
    return reward
  return cast(batching.BatchedReward, WholeScores(reward))


def add_prompt(
  owner: Any, counts: compute.Counts, tokens: int
) -> compute.Counts:
  """Counts the prompt of one problem, on the host.

  Args:
    owner: of these counts. One that was fit for an engine, or reports for
      itself, has counted it.
    counts: of one problem, without the axis P.
    tokens: of its prompt.

  Returns:
    The counts.
  """
  if not isinstance(owner, (WholeSteps, WholeScores)) or owner.reports:
    return counts
  return dataclasses.replace(counts, prefill=counts.prefill + tokens)


class PolicyState(flax.struct.PyTreeNode):
  """State of `WholeSteps`.

  Attributes:
    owner: that of the wrapped policy.
    live: bool[P, N], beams that have begun a step and not written it.
    step: of the beams that have written theirs.
    counts: of the tokens of all steps, each int32[P].
    worst: values of all steps, those of look-aheads included.
  """

  owner: Any
  live: jax.Array
  step: base.Step
  counts: compute.Counts
  worst: values.Worst


class RewardState(flax.struct.PyTreeNode):
  """State of `WholeScores`.

  Attributes:
    owner: that of the wrapped reward.
    finite: bool[P], false once a score was NaN or infinite.
    counts: of the tokens of all steps scored, each int32[P].
  """

  owner: Any
  finite: jax.Array
  counts: compute.Counts


class _Adapter(batching.Batched):
  """What both adapters share; takes steps back where the owner can."""

  owner: Any

  def __getattr__(self, name: str) -> Any:
    # Called only for missing names. Who asks checks whether there is one.
    if name in ("read", "rewind") and hasattr(self.owner, name):
      return getattr(self, f"_{name}")
    raise AttributeError(f"{type(self).__name__} has no {name}")

  @property
  def reports(self) -> bool:
    """Whether the owner has the functions of `Batched`."""
    return isinstance(self.owner, batching.Batched)

  @override
  def counts(self, state: Any) -> compute.Counts:
    return self.owner.counts(state.owner) if self.reports else state.counts

  @override
  def held(self, state: Any) -> Any:
    return self.owner.held(state.owner) if self.reports else state.owner

  def fork(self, state: Any, parents: jax.Array) -> Any:
    """Forks the owner's beams; what was computed stays with the problem."""
    role = "policy" if isinstance(self, WholeSteps) else "reward"
    owner = extension.fork(role, self.owner, state.owner, parents)
    return state.replace(owner=owner)

  def _rewind(self, before: Any, after: Any) -> Any:
    owner = self.owner.rewind(before.owner, after.owner)
    return after.replace(owner=owner)


@dataclasses.dataclass(frozen=True)
class WholeSteps(_Adapter):
  """See `batched_policy`."""

  owner: Any

  @property
  def num_beams(self) -> int:
    """N."""
    return self.owner.num_beams

  def start(self, params: Any, prompts: Any) -> PolicyState:
    """Starts the owner's beams, none of which is at a step."""
    state = self.owner.start(params, prompts)
    P, N = jax.tree.leaves(prompts)[0].shape[0], self.num_beams
    keys = jax.eval_shape(
      lambda: extension.beam_keys(jax.random.split(jax.random.key(0), P), N)
    )
    nobody = jnp.zeros((P, N), bool)
    models = extension.Models(self.owner, _UNUSED, params, None)
    _, step = jax.eval_shape(
      lambda keys, state: extension.extend(models, keys, state, nobody),
      keys, state,
    )  # fmt: skip
    step = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), step)
    worst = values.Worst.start(P)
    return PolicyState(state, nobody, step, _no_counts(P), worst)

  def extend(
    self, params: Any, keys: jax.Array, state: PolicyState, active: jax.Array
  ) -> tuple[PolicyState, base.Step]:
    """Extends the owner's beams; steps being written stay as they are."""
    models = extension.Models(self.owner, _UNUSED, params, None)
    owner, step = extension.extend(models, keys, state.owner, active)
    counts = _add(state.counts, step, active)
    worst = state.worst.add(step, active)
    return state.replace(owner=owner, counts=counts, worst=worst), step

  def begin(self, state: PolicyState, active: jax.Array) -> PolicyState:
    """Lets beams begin a step, as of `batching.BatchedPolicy`."""
    return state.replace(live=state.live | active)

  def live(self, state: PolicyState) -> jax.Array:
    """Returns which beams have begun a step and not written it, bool[P, N]."""
    return state.live

  def write(
    self,
    params: Any,
    keys: jax.Array,
    state: PolicyState,
    enough: Callable[[jax.Array], jax.Array],
  ) -> PolicyState:
    """Writes the whole step of each live beam."""
    del enough  # a whole step cannot stop in the middle
    live = state.live
    state, step = self.extend(params, keys, state, live)
    # Others may have written theirs and wait.
    step = tree.where(live, step, state.step)
    return state.replace(live=jnp.zeros_like(live), step=step)

  def finish(
    self, state: PolicyState, ready: jax.Array
  ) -> tuple[PolicyState, base.Step]:
    """Takes the steps of ready problems out of the state."""
    return state.replace(live=state.live & ~ready[:, None]), state.step

  @override
  def report(self, state: PolicyState) -> tuple[values.Worst, Any]:
    # Else nothing is known of the policy's logits.
    own = self.owner.report(state.owner) if self.reports else ()
    return state.worst, own

  @override
  def check(self, report: tuple[values.Worst, Any], where: str) -> None:
    worst, own = report
    worst.check(f"{where}, the policy ({type(self.owner).__name__})")
    if self.reports:
      self.owner.check(own, where)

  def _read(
    self, params: Any, state: PolicyState, step: base.Step, active: jax.Array
  ) -> PolicyState:
    """Puts the owner's beams behind steps of another policy."""
    owner = self.owner.read(params, state.owner, step, active)
    values.check_same("the state from policy.read", state.owner, owner)
    tokens = jnp.where(active, step.num_tokens, 0).sum(axis=1)
    counts = dataclasses.replace(
      state.counts, prefill=state.counts.prefill + tokens
    )
    return state.replace(owner=owner, counts=counts)

  @override
  def _rewind(self, before: PolicyState, after: PolicyState) -> PolicyState:
    state = super()._rewind(before, after)
    return state.replace(live=before.live, step=before.step)


@dataclasses.dataclass(frozen=True)
class WholeScores(_Adapter):
  """See `batched_reward`."""

  owner: Any

  def start(self, params: Any, prompts: Any) -> RewardState:
    """Starts the owner's state."""
    state = self.owner.start(params, prompts)
    P = jax.tree.leaves(prompts)[0].shape[0]
    return RewardState(state, jnp.ones(P, bool), _no_counts(P))

  def score(
    self, params: Any, state: RewardState, step: base.Step, active: jax.Array
  ) -> tuple[RewardState, jax.Array]:
    """Scores steps by the owner, and checks that scores are finite."""
    models = extension.Models(_UNUSED, self.owner, None, params)
    owner, scores = extension.score(models, state.owner, step, active)
    finite = (jnp.isfinite(scores) | ~active).all(axis=1)
    counts = _add(state.counts, step, active)
    return RewardState(owner, state.finite & finite, counts), scores

  @override
  def report(self, state: RewardState) -> jax.Array:
    return state.finite

  @override
  def check(self, report: Any, where: str) -> None:
    if not report:
      raise FloatingPointError(
        f"{where}: a score of the reward ({type(self.owner).__name__}) is NaN "
        "or infinite; expected a finite number for every active beam. Look for "
        "a logarithm of 0 or a division by 0 in `score`."
      )


def _no_counts(num_problems: int) -> compute.Counts:
  nothing = jnp.zeros(num_problems, jnp.int32)
  return compute.Counts(nothing, nothing, nothing, nothing)


def _add(
  counts: compute.Counts, step: base.Step, active: jax.Array
) -> compute.Counts:
  """Counts the tokens of the steps of active beams."""
  tokens = jnp.where(active, step.num_tokens, 0)
  return dataclasses.replace(counts, decode=counts.decode + tokens.sum(axis=1))
