"""Laws about the beams of a problem: each is left alone, or follows its parent.

Every law is a function of the calls and a point of a search. It returns what is
wrong, an empty text where the law holds, or why it could not be tested.

Axis letters: P problems, N beams per problem.
"""

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling.search.contract import compare, steps
from inference_scaling.search.contract.calls import Calls, Moved, States
from inference_scaling.search.contract.values import Point, Untested, Verdict

_SELECT = (
  "; keep the old state of such beams: "
  "search.keep_inactive(active, new_state, state)"
)
_SLOTS = "with one key the policy takes other steps in other slots"
_GATHER = (
  "; slot n of problem p goes on from slot parents[p, n] of the same problem: "
  "search.gather_beams(state, parents) does it where every leaf has leading "
  "axes [P, N]"
)


def inactive(calls: Calls, point: Point) -> Verdict:
  """Beams that are not active stay as they are, and so does what they do.

  Numbers of a beam stay to the bit, and those of a problem where nothing at all
  is active: some count what a whole call took. Buffers may change where nothing
  reads them, as a cache behind a beam's length, which many models overwrite.
  """
  P, N = calls.P, calls.N
  # Every other beam; none at all of the first problem.
  active = (np.add.outer(np.arange(P), np.arange(N)) % 2 == 0) & point.running
  active[0] = False
  for mask in (active, ~active & point.running, np.zeros_like(active)):
    moved = calls.advance(point.states, calls.keys(*point.key(1)), mask)
    still = ~mask & point.running
    idle = np.full(P, not mask.any())
    names = "policy.extend: the state", "reward.score: the state"
    for name, was, now in zip(names, point.states, moved.states, strict=True):
      seen = steps.changed(name, was, now, idle, P, N, True)
      seen = seen or steps.changed(name, was, now, ~mask, P, N, True)
      if seen:
        return f"{seen} while that beam was not active{_SELECT}"
    keys = calls.keys(*point.key(2))
    later = calls.advance(moved.states, keys, still)
    own = calls.advance(point.states, keys, still)
    seen = steps.difference(later, own, still, "policy.extend", "reward.score")
    if not mask.any():
      for name, *states in zip(
        names, point.states, moved.states, own.states, later.states, strict=True
      ):
        seen = seen or steps.spread(name, states[:2], states[2:])
    if seen:
      return (
        f"{seen}, as before a call in which that beam was not active{_SELECT}"
        "; where all beams share a position, wrap the model in search.per_row"
      )
  return ""


def own_key(calls: Calls, point: Point) -> Verdict:
  """A beam's step comes from its own key and its score from its own step."""
  if calls.N * calls.P == 1:
    return Untested("there is one beam alone")
  drawn = False
  keys = calls.keys(*point.key(3))
  first = calls.advance(point.states, keys, point.running)
  last, end = calls.P - 1, calls.N - 1
  changed = {(0, 0), (0, end), (last, 0), (last, calls.N // 2)}
  for number, (p, n) in enumerate(sorted(changed), start=4):
    other = calls.keys(*point.key(number))
    mask = np.ones((calls.P, calls.N), bool)
    mask[p, n] = False
    mixed = jnp.where(jnp.asarray(mask), keys, other)
    second = calls.advance(point.states, mixed, point.running)
    own = ~mask & point.running
    drawn |= bool(steps.difference(second, first, own, "policy", "reward"))
    seen = steps.difference(
      second, first, mask & point.running, "policy.extend", "reward.score"
    )
    if seen:
      return (
        f"{seen}, as it was before the key of beam {n} of problem {p} "
        "changed, and with it that beam's step; draw a beam's step with "
        "keys[p, n] alone, and score it by its own state and step"
      )
  if not drawn:
    return Untested("another key changed no step, as of a greedy policy")
  return ""


def any_slot(calls: Calls, point: Point) -> Verdict:
  """Equal steps at one prompt have one score, whatever their slots."""
  if calls.N == 1:
    return Untested("there is one beam alone")
  every = np.ones((calls.P, calls.N), bool)
  moved = calls.advance(calls.start(), _same_keys(calls, point), every)
  if _reads_slots(calls, moved):
    return Untested(_SLOTS)
  first = np.zeros((calls.P, calls.N), int)
  seen = steps.difference(moved, moved, every, "", "reward.score", True, first)
  if seen:
    return (
      f"{seen}, as an equal step in slot 0 at the same prompt; score a beam by "
      "its own state and step, not by its slot, which forks change"
    )
  return ""


def active_together(calls: Calls, point: Point) -> Verdict:
  """A beam's step does not depend on which others are active."""
  mask = point.running.copy()
  mask[:, 1::2] = False
  keys = calls.keys(*point.key(9))
  all_active = calls.advance(point.states, keys, point.running)
  half_active = calls.advance(point.states, keys, mask)
  seen = steps.difference(
    half_active, all_active, mask, "policy.extend", "reward.score", close=True
  )
  if seen:
    return (
      f"{seen}, as it is where all beams are active; let every beam have its "
      "own position, or wrap the model in search.per_row"
    )
  return ""


def fork_identity(calls: Calls, point: Point) -> Verdict:
  """A fork to 0, 1, .., N - 1 changes nothing, problem by problem."""
  P, N = calls.P, calls.N
  for kept in range(P):
    parents = calls.parents(point.running, kept)
    parents[kept] = np.arange(N)
    forked = calls.fork(point.states, parents)
    mask = np.arange(P) == kept
    for name, was, now in (
      ("policy.fork: the state", point.states.policy, forked.policy),
      ("reward.fork: the state", point.states.reward, forked.reward),
    ):
      seen = steps.changed(name, was, now, mask, P, N)
      if seen:
        return (
          f"{seen} although parents[{kept}] are 0, 1, .., {N - 1} and only "
          f"other problems fork{_GATHER}"
        )
  return ""


def fork(calls: Calls, point: Point) -> Verdict:
  """A beam goes on from its parent as the parent itself would."""
  parents = calls.parents(point.running, 20)
  moves = parents != np.arange(calls.N)
  if not moves.any():
    return Untested("no two beams of a problem still run")
  forked = calls.fork(point.states, parents)
  seen = _did_nothing(calls, point, parents, forked)
  if seen:
    return f"{seen}{_GATHER}"
  # One key for all beams of a problem: then their slots alone tell them apart.
  keys = _same_keys(calls, point)
  every = np.ones((calls.P, calls.N), bool)
  if _reads_slots(calls, calls.advance(calls.start(), keys, every)):
    return Untested(_SLOTS)
  running = np.take_along_axis(point.running, parents, axis=1)
  own = calls.advance(point.states, keys, point.running)
  after = calls.advance(forked, keys, running)
  seen = steps.difference(
    after, own, running, "policy.fork", "reward.fork", True, parents
  )
  if seen:
    return (
      f"{seen}, which is what its parent (parents are "
      f"{compare.shown(parents)}) makes with the same key{_GATHER}"
    )
  return ""


def fork_twice(calls: Calls, point: Point) -> Verdict:
  """Two forks in a row are one fork to the parents' parents."""
  first = calls.parents(point.running, 30)
  running = np.take_along_axis(point.running, first, axis=1)
  second = calls.parents(running, 31)
  both = np.take_along_axis(first, second, axis=1)
  running = np.take_along_axis(running, second, axis=1)
  keys = calls.keys(*point.key(32))
  twice = calls.fork(calls.fork(point.states, first), second)
  twice = calls.advance(twice, keys, running)
  once = calls.advance(calls.fork(point.states, both), keys, running)
  seen = steps.difference(
    twice, once, running, "policy.fork", "reward.fork", close=True
  )
  if seen:
    return (
      f"{seen}, which one fork to the parents' parents gives; a fork must "
      f"read nothing but the state and parents{_GATHER}"
    )
  return ""


def _did_nothing(
  calls: Calls, point: Point, parents: np.ndarray, forked: States
) -> str:
  """A fork after which every part of the policy's state is where it was.

  Some parts, such as counts, may stay. The reward's state shows in scores.
  """
  stayed = []
  for leaf, value in compare.pairs(point.states.policy, forked.policy):
    if not compare.is_by_beam(leaf.values, calls.P, calls.N):
      continue
    taken = leaf.values[np.arange(calls.P)[:, None], parents]
    if not compare.differs(taken, leaf.values, 2).any():
      continue
    if compare.differs(leaf.values, value, 2).any():
      return ""
    stayed.append(leaf.path)
  if not stayed:
    return ""
  return (
    f"policy.fork: the state{stayed[0]} is as it was, although its beams "
    f"differ and parents are {compare.shown(parents)}: the fork did nothing"
  )


def _same_keys(calls: Calls, point: Point) -> jax.Array:
  keys = calls.keys(*point.key(21))
  return jnp.broadcast_to(keys[:, :1], keys.shape)


def _reads_slots(calls: Calls, moved: Moved) -> bool:
  """Whether beams at one prompt take other steps with one key."""
  every = np.ones((calls.P, calls.N), bool)
  first = np.zeros((calls.P, calls.N), int)
  same = moved._replace(scores=jnp.zeros_like(moved.scores))
  return bool(steps.difference(same, same, every, "", "", True, first))
