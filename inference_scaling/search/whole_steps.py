"""Adapters: any `Policy` and any `Reward` work in an engine.

One write is one whole step of all live beams, so that an engine takes the very
steps of `search_step`. Of what a plain object computes no more is known than
its steps say: tokens are those of `Step.num_tokens`, and the positions that
they attended to are not counted.

Axis letters: P problems in flight, N beams per problem.
"""

import dataclasses
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import compute
from inference_scaling.search import base, batching, extension, tree


def batched_policy(policy: base.Policy) -> batching.BatchedPolicy:
  """Makes a policy fit for an engine.

  Args:
    policy: any; one that is fit already is returned as it is.

  Returns:
    The policy; two of equal policies are equal.
  """
  if isinstance(policy, batching.BatchedPolicy):
    return policy
  return WholeSteps(policy)


def batched_reward(reward: base.Reward) -> batching.BatchedReward:
  """Makes a reward fit for an engine; as `batched_policy`."""
  if isinstance(reward, batching.BatchedReward):
    return reward
  return WholeScores(reward)


def add_prompt(owner: Any, counts: compute.Counts, tokens: int) -> Any:
  """Counts the prompt of one problem, on the host.

  Args:
    owner: of these counts. One that was fit for an engine has counted it.
    counts: of one problem, without the axis P.
    tokens: of its prompt.

  Returns:
    The counts.
  """
  if not isinstance(owner, (WholeSteps, WholeScores)):
    return counts
  return counts.replace(prefill=counts.prefill + tokens)


@flax.struct.dataclass
class PolicyState:
  """State of `WholeSteps`.

  Attributes:
    owner: that of the wrapped policy.
    live: bool[P, N], beams that have begun a step and not written it.
    step: of the beams that have written theirs.
    counts: of the tokens of all steps, each int32[P].
  """

  owner: Any
  live: jax.Array
  step: base.Step
  counts: compute.Counts


@flax.struct.dataclass
class RewardState:
  """State of `WholeScores`.

  Attributes:
    owner: that of the wrapped reward.
    finite: bool[P], false once a score was NaN or infinite.
    counts: of the tokens of all steps scored, each int32[P].
  """

  owner: Any
  finite: jax.Array
  counts: compute.Counts


class _Adapter:
  """What both adapters share; takes steps back where the owner can."""

  owner: Any

  def __getattr__(self, name):
    # Asked only for what is not found. A look-ahead asks whether there is one.
    if name == "rewind" and hasattr(self.owner, "rewind"):
      return self._rewind
    raise AttributeError(f"{type(self).__name__} has no {name}")

  def counts(self, state):
    """As of `batching.Batched`."""
    return state.counts

  def held(self, state):
    """As of `batching.Batched`: all that the owner keeps."""
    return state.owner

  def fork(self, state, parents):
    """As of `base.Policy`: what was computed stays with the problem."""
    role = "policy" if isinstance(self, WholeSteps) else "reward"
    owner = extension.fork(role, self.owner, state.owner, parents)
    return state.replace(owner=owner)

  def _rewind(self, before, after):
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

  def start(self, params, prompts):
    """As of `base.Policy`."""
    state = self.owner.start(params, prompts)
    P, N = jax.tree.leaves(prompts)[0].shape[0], self.num_beams
    keys = jax.eval_shape(
      lambda: extension.beam_keys(jax.random.split(jax.random.key(0), P), N)
    )
    nobody = jnp.zeros((P, N), bool)
    models = extension.Models(self.owner, None, params, None)
    _, step = jax.eval_shape(
      lambda keys, state: extension.extend(models, keys, state, nobody),
      keys, state,
    )  # fmt: skip
    step = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), step)
    return PolicyState(state, nobody, step, _no_counts(P))

  def extend(self, params, keys, state, active):
    """As of `base.Policy`; a step at hand stays at hand."""
    models = extension.Models(self.owner, None, params, None)
    owner, step = extension.extend(models, keys, state.owner, active)
    counts = _add(state.counts, step, active)
    return state.replace(owner=owner, counts=counts), step

  def begin(self, state, active):
    """As of `batching.BatchedPolicy`."""
    return state.replace(live=state.live | active)

  def live(self, state):
    """As of `batching.BatchedPolicy`."""
    return state.live

  def write(self, params, keys, state, enough):
    """As of `batching.BatchedPolicy`: the whole step of each live beam."""
    del enough  # a whole step cannot stop in the middle
    live = state.live
    state, step = self.extend(params, keys, state, live)
    # Others may have written theirs and wait.
    step = tree.where(live, step, state.step)
    return state.replace(live=jnp.zeros_like(live), step=step)

  def finish(self, state, ready):
    """As of `batching.BatchedPolicy`."""
    return state.replace(live=state.live & ~ready[:, None]), state.step

  def report(self, state):
    """As of `batching.Batched`: nothing is known of the policy's numbers."""
    del state
    return ()

  def check(self, report, where):
    """As of `batching.Batched`."""

  def _rewind(self, before, after):
    state = super()._rewind(before, after)
    return state.replace(live=before.live, step=before.step)


@dataclasses.dataclass(frozen=True)
class WholeScores(_Adapter):
  """See `batched_reward`."""

  owner: Any

  def start(self, params, prompts):
    """As of `base.Reward`."""
    state = self.owner.start(params, prompts)
    P = jax.tree.leaves(prompts)[0].shape[0]
    return RewardState(state, jnp.ones(P, bool), _no_counts(P))

  def score(self, params, state, step, active):
    """As of `base.Reward`."""
    models = extension.Models(None, self.owner, None, params)
    owner, scores = extension.score(models, state.owner, step, active)
    finite = (jnp.isfinite(scores) | ~active).all(axis=1)
    counts = _add(state.counts, step, active)
    return RewardState(owner, state.finite & finite, counts), scores

  def report(self, state):
    """As of `batching.Batched`."""
    return state.finite

  def check(self, report, where):
    """As of `batching.Batched`."""
    if not report:
      raise FloatingPointError(
        f"{where}: a score of the reward ({type(self.owner).__name__}) is NaN "
        "or infinite; expected a finite number for every active beam. Look for "
        "a logarithm of 0 or a division by 0 in `score`."
      )


def _no_counts(num_problems: int) -> compute.Counts:
  nothing = jnp.zeros(num_problems, jnp.int32)
  return compute.Counts(nothing, nothing, nothing, nothing)


def _add(counts, step, active):
  """Counts the tokens of the steps of active beams."""
  tokens = jnp.where(active, step.num_tokens, 0)
  return counts.replace(decode=counts.decode + tokens.sum(axis=1))
