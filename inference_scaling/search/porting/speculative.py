"""Two policies as one: a draft proposes each step, a target steps in.

Reward-guided speculative decoding: the draft policy makes a step, the reward
scores it, and where its score is below a threshold the target policy makes the
step instead. The three become one `Policy` and one `Reward`, so that every
strategy runs on such steps:

  policy, reward = speculative(draft, target, reward)
  params = SpeculativeParams(draft=.., target=.., reward=.., threshold=0.7)
  run_search(policy, reward, rebase(0.1), params, None, prompts, keys, ..)

A beam stands behind the step that was taken in all three models. The draft and
the reward take a rejected step back, beam by beam: what belongs to a beam leads
with [P, N] in their states. The draft reads what the target wrote at once, as
it goes on from there; the target reads accepted steps when it has to write, and
never those of a beam that it does not write for.

Axis letters: P problems in flight, N beams per problem, U unread steps.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import compute
from inference_scaling.search import base, batching, extension, tree
from inference_scaling.search.checks import entries, values
from inference_scaling.search.porting import (
  speculative_reward,
  speculative_state,
  whole_steps,
)

# Folded into the keys of the target's steps: were they drawn with the draft's,
# a target that equals the draft would write the rejected step again. Tokens of
# a step are numbered from 0 on and do not come so far.
TARGET_STEP = 2**31 - 1
# More are read as soon as they come. A buffer of so many steps a beam is little
# beside keys and values.
MAX_UNREAD = 16


def speculative(
  draft: speculative_state.ReadingPolicy,
  target: speculative_state.ReadingPolicy,
  reward: base.Reward,
  max_unread: int = MAX_UNREAD,
) -> tuple["SpeculativePolicy", speculative_reward.SpeculativeReward]:
  """Makes one policy and one reward of a draft, a target and a reward.

  Args:
    draft: proposes every step; with `read` and `rewind`.
    target: makes the steps whose proposal scores below the threshold; with
      `read`, and `rewind` for strategies that look ahead. Its steps have the
      same content as the draft's, and it has as many beams.
    reward: scores the steps of both; with `rewind`.
    max_unread: U, most steps that the target leaves unread.

  Returns:
    A policy, which takes `SpeculativeParams`, and the reward of its steps,
    whose params are not read.

  Raises:
    ValueError: if one of them cannot do what is asked of it.

  References:
    Liao et al. 2025, Reward-Guided Speculative Decoding for Efficient LLM
    Reasoning (https://arxiv.org/abs/2501.19324), Algorithm 1 with the binary
    weighting of section 3.
  """
  entries.check_models(draft, reward)
  entries.check_policy(target)
  for role, owner, name in (
    ("draft", draft, "read"), ("draft", draft, "rewind"),
    ("target", target, "read"), ("reward", reward, "rewind"),
  ):  # fmt: skip
    if not hasattr(owner, name):
      raise ValueError(
        f"speculative: the {role} ({type(owner).__name__}) has no function "
        f"{name}; expected one, since steps are proposed, taken back and read "
        "by another policy. Add it; see search.ReadingPolicy and search.Policy"
      )
  if draft.num_beams != target.num_beams:
    raise ValueError(
      f"speculative: the draft has num_beams={draft.num_beams} and the target "
      f"{target.num_beams}; expected the same. Make both for as many beams"
    )
  if max_unread < 1:
    raise ValueError(
      f"speculative: max_unread is {max_unread}; expected at least 1"
    )
  policy = SpeculativePolicy(
    whole_steps.batched_policy(draft),
    whole_steps.batched_policy(target),
    whole_steps.batched_reward(reward),
    max_unread,
  )
  return policy, speculative_reward.SpeculativeReward()


@dataclasses.dataclass(frozen=True)
class SpeculativePolicy(batching.Batched):
  """See `speculative`; its state is a `SpeculativeState`."""

  draft: Any
  target: Any
  reward: Any
  max_unread: int

  @property
  def num_beams(self) -> int:
    """N."""
    return self.draft.num_beams

  def start(
    self, params: speculative_state.SpeculativeParams, prompts: Any
  ) -> speculative_state.SpeculativeState:
    """Starts all three models at the prompts."""
    draft = self.draft.start(params.draft, prompts)
    P, N = jax.tree.leaves(prompts)[0].shape[0], self.num_beams
    keys = jax.eval_shape(
      lambda: extension.beam_keys(jax.random.split(jax.random.key(0), P), N)
    )
    nobody = jnp.zeros((P, N), bool)
    _, step = jax.eval_shape(
      self.draft.extend, params.draft, keys, draft, nobody
    )
    unread = jax.tree.map(
      lambda leaf: jnp.zeros(
        (P, N, self.max_unread, *leaf.shape[2:]), leaf.dtype
      ),
      step,
    )
    nothing = jnp.zeros(P, jnp.int32)
    return speculative_state.SpeculativeState(
      draft=draft,
      target=self.target.start(params.target, prompts),
      reward=self.reward.start(params.reward, prompts),
      unread=unread,
      num_unread=jnp.zeros((P, N), jnp.int32),
      draft_read=nothing,
      target_read=nothing,
      rejected=nothing,
    )

  def extend(
    self,
    params: speculative_state.SpeculativeParams,
    keys: jax.Array,
    state: speculative_state.SpeculativeState,
    active: jax.Array,
  ) -> tuple[speculative_state.SpeculativeState, base.Step]:
    """Takes the draft's step of each active beam, or the target's instead."""
    draft, proposal = self.draft.extend(params.draft, keys, state.draft, active)
    reward, scores = self.reward.score(
      params.reward, state.reward, proposal, active
    )
    accepted = active & (scores >= params.threshold)
    rejected = active & ~accepted
    draft = _take_back(self.draft, state.draft, draft, rejected)
    reward = _take_back(self.reward, state.reward, reward, rejected)
    # An ended beam is never extended again: nobody need read its last step.
    going = accepted & (proposal.status == base.RUNNING)
    full = going & (state.num_unread == self.max_unread)
    state = self._catch_up(params, state, rejected | full)
    target, own = self.target.extend(
      params.target, _target_keys(keys), state.target, rejected
    )
    _check_alike(proposal, own)
    reward, own_scores = self.reward.score(params.reward, reward, own, rejected)
    behind = rejected & (own.status == base.RUNNING)
    draft = self.draft.read(params.draft, draft, own, behind)
    step = tree.where(accepted, proposal, own)
    scores = jnp.where(accepted, scores, own_scores)
    state = _append(state, proposal, going).replace(
      draft=draft,
      target=target,
      reward=reward,
      draft_read=state.draft_read + _tokens(own, behind),
      rejected=state.rejected + _tokens(proposal, rejected),
    )
    return state, step.replace(
      content=speculative_state.SpeculativeStep(step.content, scores)
    )

  def fork(
    self, state: speculative_state.SpeculativeState, parents: jax.Array
  ) -> speculative_state.SpeculativeState:
    """Lets beam n go on from beam parents[n], in all three models."""
    problems = jnp.arange(parents.shape[0])[:, None]
    unread, num_unread = jax.tree.map(
      lambda leaf: leaf[problems, parents], (state.unread, state.num_unread)
    )
    return state.replace(
      draft=self.draft.fork(state.draft, parents),
      target=self.target.fork(state.target, parents),
      reward=self.reward.fork(state.reward, parents),
      unread=unread,
      num_unread=num_unread,
    )

  def rewind(
    self,
    before: speculative_state.SpeculativeState,
    after: speculative_state.SpeculativeState,
  ) -> speculative_state.SpeculativeState:
    """Takes steps back; what was computed stays counted."""
    return after.replace(
      draft=self.draft.rewind(before.draft, after.draft),
      target=self.target.rewind(before.target, after.target),
      reward=self.reward.rewind(before.reward, after.reward),
      unread=before.unread,
      num_unread=before.num_unread,
    )

  def counts(
    self, state: speculative_state.SpeculativeState
  ) -> speculative_state.SpeculativeCounts:
    """Tokens of both policies and of the reward."""
    draft = self.draft.counts(state.draft)
    target = self.target.counts(state.target)
    both = compute.add_counts(draft, target)
    return speculative_state.SpeculativeCounts(
      prefill=both.prefill,
      decode=both.decode,
      attended=both.attended,
      carried=both.carried,
      draft=draft,
      target=target,
      reward=self.reward.counts(state.reward),
      draft_read=state.draft_read,
      target_read=state.target_read,
      rejected=state.rejected,
    )

  def held(self, state: speculative_state.SpeculativeState) -> Any:
    """What all three models keep for beams."""
    return tuple(owner.held(part) for _, owner, part in self._parts(state))

  def report(self, state: speculative_state.SpeculativeState) -> Any:
    """What all three models report."""
    return tuple(owner.report(part) for _, owner, part in self._parts(state))

  def check(self, report: Any, where: str) -> None:
    """Stops a search of which one of the three models went wrong."""
    for (role, owner, _), part in zip(self._parts(None), report, strict=True):
      owner.check(part, f"{where}, {role}")

  def _parts(self, state: Any) -> list[tuple[str, Any, Any]]:
    """Role, model and state of the three models."""
    return [
      (role, getattr(self, role), state and getattr(state, role))
      for role in ("draft", "target", "reward")
    ]

  def _catch_up(
    self,
    params: speculative_state.SpeculativeParams,
    state: speculative_state.SpeculativeState,
    due: jax.Array,
  ) -> speculative_state.SpeculativeState:
    """Lets the target read what it has not read, in the beams that are due."""
    left = jnp.where(due, state.num_unread, 0)

    def read(number: jax.Array, carry: tuple[Any, jax.Array]) -> Any:
      target, tokens = carry
      step = jax.tree.map(
        lambda leaf: lax.dynamic_index_in_dim(leaf, number, 2, False),
        state.unread,
      )
      now = number < left
      target = self.target.read(params.target, target, step, now)
      return target, tokens + _tokens(step, now)

    target, tokens = lax.fori_loop(
      0, left.max(), read, (state.target, state.target_read)
    )
    return state.replace(
      target=target,
      target_read=tokens,
      num_unread=jnp.where(due, 0, state.num_unread),
    )


def _check_alike(proposal: base.Step, own: base.Step) -> None:
  """Raises a ValueError unless both policies make steps of one kind."""
  kinds = [
    jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", step.content)
    for step in (proposal, own)
  ]
  if kinds[0] != kinds[1]:
    raise values.WrongValueError(
      f"speculative: Step.content of the draft is {kinds[0]}, of the target "
      f"{kinds[1]}; expected the same, since each reads what the other wrote"
    )


def _target_keys(keys: jax.Array) -> jax.Array:
  """Keys [P, N] of the target's steps."""
  fold = jax.vmap(jax.vmap(jax.random.fold_in, (0, None)), (0, None))
  return fold(keys, TARGET_STEP)


def _take_back(owner: Any, before: Any, after: Any, beams: jax.Array) -> Any:
  """Takes the newest step of some beams back, bool[P, N].

  `rewind` takes back those of all beams. Of its state, the leaves of beams are
  taken for these; what belongs to a problem, as the store of a tree of steps,
  is that of `after`.
  """
  rewound = extension.rewind("speculative", owner, before, after)

  def pick(old: jax.Array, new: jax.Array) -> jax.Array:
    if old is new or new.shape[:2] != beams.shape:
      return new
    return tree.where(beams, old, new)

  return jax.tree.map(pick, rewound, after)


def _append(
  state: speculative_state.SpeculativeState, step: base.Step, active: jax.Array
) -> speculative_state.SpeculativeState:
  """Puts a step behind those that the target has not read."""
  slots = jnp.arange(jax.tree.leaves(state.unread)[0].shape[2])
  at_end = active[..., None] & (
    slots[None, None] == state.num_unread[..., None]
  )
  new = jax.tree.map(lambda leaf: leaf[:, :, None], step)
  return state.replace(
    unread=tree.where(at_end, new, state.unread),
    num_unread=state.num_unread + active,
  )


def _tokens(step: base.Step, active: jax.Array) -> jax.Array:
  """Tokens of the steps of some beams, int32[P]."""
  return jnp.where(active, step.num_tokens, 0).sum(axis=1)
