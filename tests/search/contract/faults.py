"""Policies and rewards with one fault each, beside the sound ones of toy.py.

A fault is what people write by mistake when they port a model. Each names the
law that it breaks and a word of what is said about it.
"""

import dataclasses
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import search
from tests.search import layered, toy

N = 5
PLACES = jnp.arange(3)[None, None]  # of the tokens of a step
POLICY, REWARD = toy.CountingPolicy(N), toy.TableReward()


@dataclasses.dataclass(frozen=True)
class Remembering(toy.TableReward):
  """Adds up the rewards of a beam: a reward with a state of its own."""

  num_beams: int = N

  def start(self, params, prompts):
    del params
    total = jnp.zeros((prompts.shape[0], self.num_beams))
    return {"problem": prompts, "total": total}

  def score(self, params, state, step, active):
    _, scores = super().score(params, state["problem"], step, active)
    total = jnp.where(active, state["total"] / 2 + scores, state["total"])
    return {**state, "total": total}, total

  def fork(self, state, parents):
    total = jnp.take_along_axis(state["total"], parents, axis=1)
    return {**state, "total": total}


SOUND = Remembering()


class Fault(NamedTuple):
  """A policy and a reward, of which one breaks a law.

  Attributes:
    law: its name.
    words: what the message says, a regular expression.
    policy: the policy.
    reward: the reward.
  """

  law: str
  words: str
  policy: object = POLICY
  reward: object = SOUND


def policy(law, words, *bases, **changes):
  """A fault of the policy, by functions that take the place of sound ones."""
  owner = type("Faulty", (*bases, toy.CountingPolicy), changes)
  return Fault(law, words, policy=owner(N))


def reward(law, words, **changes):
  """A fault of the reward."""
  return Fault(law, words, reward=type("Faulty", (Remembering,), changes)())


def _changed(**changes):
  """An `extend` whose Step differs from the sound one's."""

  def extend(self, params, keys, state, active):
    state, step = POLICY.extend(params, keys, state, active)
    changed = {
      name: change(getattr(step, name)) for name, change in changes.items()
    }
    return state, step.replace(**changed)

  return extend


def _ignores_active(self, params, keys, state, active):
  return POLICY.extend(params, keys, state, jnp.ones_like(active))


def _overwrites_ended(self, params, keys, state, active):
  new, step = POLICY.extend(params, keys, state, active)
  return {**new, "node": jnp.where(active, new["node"], 0)}, step


def _counts_the_idle(self, params, keys, state, active):
  new, step = POLICY.extend(params, keys, state, active)
  return {**new, "spent": state["spent"] + step.num_tokens}, step


class Positioned:
  """All beams of a problem count their position on together."""

  def start(self, params, prompts):
    return {
      **POLICY.start(params, prompts), "at": jnp.zeros_like(prompts)
    }  # fmt: skip

  def extend(self, params, keys, state, active):
    at = state["at"]
    own = {name: state[name] for name in ("node", "spent")}
    own, step = POLICY.extend(params, keys, own, active)
    nodes = own["node"] + jnp.where(active, at[:, None] % 2, 0)
    own = {**own, "node": nodes, "at": at + active.any(axis=1)}
    return own, step.replace(content={**step.content, "node": nodes})

  def fork(self, state, parents):
    own = {name: state[name] for name in ("node", "spent")}
    return {**POLICY.fork(own, parents), "at": state["at"]}

  def rewind(self, before, after):
    return {**before, "spent": after["spent"]}


@dataclasses.dataclass(frozen=True)
class Cached(layered.Plain):
  """Writes a token into the cache of idle beams, before or behind its end."""

  shift: int = 0

  def extend(self, params, keys, state, active):
    new, step = super().extend(params, keys, state, active)
    end = state["lengths"][..., None] + self.shift
    places = jnp.arange(layered.SIZE)[None, None] == end
    written = places[:, :, None] & ~active[:, :, None, None]
    return {**new, "cache": jnp.where(written, 99, new["cache"])}, step


def _draws_elsewhere(make):
  """An `extend` with other keys than those of the beams."""

  def extend(self, params, keys, state, active):
    return POLICY.extend(params, make(keys), state, active)

  return extend


def _split_first(keys):
  """Splits the key of each problem's first beam, as for a batch."""
  return jax.vmap(lambda row: jax.random.split(row[0], row.shape[0]))(keys)


def _one_for_all(keys):
  return jax.random.split(keys[0, 0], keys.shape)


def _pads(pad):
  """An `extend` whose content has 3 places for its 1 to 3 tokens.

  Args:
    pad: from keys [P, N] and nodes [P, N], what stands behind the tokens.
  """

  def extend(self, params, keys, state, active):
    state, step = POLICY.extend(params, keys, state, active)
    node = step.content["node"][..., None]
    behind = PLACES >= step.num_tokens[..., None]
    tokens = jnp.where(behind, pad(keys, node), node)
    return state, step.replace(content={**step.content, "tokens": tokens})

  return extend


def _noise(keys, node):
  del node
  return jax.vmap(
    jax.vmap(lambda key: jax.random.randint(key, (3,), 100, 999))
  )(keys)


def _marked_end(keys, node):
  """An end of the step that is not counted, and padding behind it."""
  del keys
  num_tokens = 1 + (node - 1) % 3
  return jnp.where(PLACES == num_tokens, -2, -1)


_calls = itertools.count(1)


def _draws_with_numpy(self, params, keys, state, active):
  number = next(_calls)  # as any generator with a state of its own would
  folded = jax.vmap(jax.vmap(lambda key: jax.random.fold_in(key, number)))
  return POLICY.extend(params, folded(keys), state, active)


def _reward_draws(self, params, state, step, active):
  state, scores = SOUND.score(params, state, step, active)
  return state, scores + np.float32(next(_calls))


def _fork(gather):
  """A `fork` with another way to gather the nodes."""

  def fork(self, state, parents):
    return {**state, "node": gather(state["node"], parents)}

  return fork


def _as_permutation(node, parents):
  """Puts each beam where its parent was, and not the other way round."""
  return jax.vmap(lambda row, where: row.at[where].set(row))(node, parents)


def _flat_parents(node, parents):
  """Takes all beams for rows of one axis, and forgets the problems' offsets."""
  return node.reshape(-1)[parents]


def _sorted(node, parents):
  return jnp.take_along_axis(node, jnp.sort(parents, axis=1), axis=1)


def _reward_fork(gather):
  def fork(self, state, parents):
    return {**state, "total": gather(state["total"], parents)}

  return fork


def _score(change):
  """A `score` that changes the sound scores."""

  def score(self, params, state, step, active):
    state, scores = SOUND.score(params, state, step, active)
    return state, change(scores)

  return score


def _unmasked_score(self, params, state, step, active):
  return SOUND.score(params, state, step, jnp.ones_like(active))


def _first_prompt(self, params, prompts):
  return SOUND.start(params, jnp.broadcast_to(prompts[:1], prompts.shape))


class Batched(toy.CountingPolicy):
  """Its steps depend on what is in flight beside them."""

  shift = staticmethod(lambda node: node.sum() % 3)

  def extend(self, params, keys, state, active):
    new, step = POLICY.extend(params, keys, state, active)
    node = jnp.where(active, new["node"] + self.shift(new["node"]), new["node"])
    content = {**step.content, "node": node}
    return {**new, "node": node}, step.replace(content=content)


def _batched(shift):
  return type("Batched", (Batched,), {"shift": staticmethod(shift)})(N)


class LayerFirst(toy.CountingPolicy):
  """Its cache has the axis of layers first."""

  def start(self, params, prompts):
    return jnp.zeros((2, prompts.shape[0], self.num_beams, 4))


class Flat(toy.CountingPolicy):
  """Its cache has one axis for all beams."""

  def start(self, params, prompts):
    return jnp.zeros((prompts.shape[0] * self.num_beams, 4))


class Scalar(toy.CountingPolicy):
  """One position for all."""

  def start(self, params, prompts):
    return {"at": jnp.zeros((), jnp.int32)}


@dataclasses.dataclass
class Mutable:
  """Equal by its fields, which may change: no hash."""

  scale: float = 1.0
  start = score = fork = toy.TableReward.fork


@dataclasses.dataclass(frozen=True)
class Weighty(toy.CountingPolicy):
  """Holds an array."""

  weights: object = None


PADDED = {
  "one value": policy("", "", extend=_pads(lambda keys, node: -1)).policy,
  "an end that is not counted": policy(
    "", "", extend=_pads(_marked_end)
  ).policy,
}
FAULTS = {
  "ignores active": policy(
    "inactive beams", r"policy\.extend.*while that beam was not active",
    extend=_ignores_active,
  ),
  "overwrites ended beams": policy(
    "inactive beams", r"policy\.extend: the state\['node'\]",
    extend=_overwrites_ended,
  ),
  "counts tokens of idle beams": policy(
    "inactive beams", r"policy\.extend: the state\['spent'\]",
    extend=_counts_the_idle,
  ),
  "one position for a problem": policy(
    "inactive beams", r"before a call in which that beam was not.*per_row",
    Positioned,
  ),
  "reward reads idle beams": reward(
    "inactive beams", r"reward\.score: the state\['total'\]",
    score=_unmasked_score,
  ),
  "writes over the cache of idle beams": Fault(
    "inactive beams", r"policy\.extend", Cached(N, shift=-1),
    layered.PlainReward(N),
  ),
  "splits the first beam's key": policy(
    "own key and step", r"policy\.extend.*keys\[p, n\] alone",
    extend=_draws_elsewhere(_split_first),
  ),
  "splits one key for all": policy(
    "own key and step", r"policy\.extend", extend=_draws_elsewhere(_one_for_all)
  ),
  "scores of another beam": reward(
    "own key and step", r"reward\.score: score of beam",
    score=_score(lambda scores: jnp.roll(scores, 1, axis=1)),
  ),
  "scores made relative": reward(
    "own key and step", r"reward\.score: score of beam",
    score=_score(lambda s: s - s.mean(axis=1, keepdims=True)),
  ),
  "scores ranked": reward(
    "own key and step", r"reward\.score",
    score=_score(lambda s: s.argsort(axis=1).astype(jnp.float32)),
  ),
  "scores that depend on the slot": reward(
    "any slot", r"reward\.score: score of beam .* equal step in slot 0",
    score=_score(lambda scores: scores + 0.1 * jnp.arange(N)[None]),
  ),
  "scores that are NaN": reward(
    "finite scores", r"the score of beam .* is nan, expected a finite number",
    score=_score(lambda scores: jnp.where(scores > 0.5, jnp.nan, scores)),
  ),
  "scores that are infinite": reward(
    "finite scores", r"the score of beam .* is -inf",
    score=_score(lambda scores: jnp.where(scores > 0.5, -jnp.inf, scores)),
  ),
  "padding drawn anew": policy(
    "padding", r"Step\.content\['tokens'\] holds \d+, .*behind the num_tokens",
    extend=_pads(_noise),
  ),
  "another draw at each trace": policy(
    "same key, same step", r"policy\.extend with the same arguments and keys",
    extend=_draws_with_numpy,
  ),
  "another score at each trace": reward(
    "same key, same step", r"reward\.score with the same arguments",
    score=_reward_draws,
  ),
  "fork does nothing": policy(
    "fork", r"policy\.fork.*the fork did nothing",
    fork=lambda self, state, parents: state,
  ),
  "fork the other way round": policy(
    "fork", r"policy\.fork.*its parent", fork=_fork(_as_permutation)
  ),
  "fork with sorted parents": policy(
    "fork", r"policy\.fork", fork=_fork(_sorted)
  ),
  "fork shifts even the identity": policy(
    "fork to itself", r"policy\.fork.*are 0, 1, \.\.,",
    fork=_fork(lambda node, parents: jnp.roll(node, 1, axis=1)),
  ),
  "fork by the first problem's parents": policy(
    "fork to itself", r"only other problems fork",
    fork=_fork(lambda node, parents: node[:, parents[0]]),
  ),
  "fork without offsets": policy(
    "fork to itself", r"policy\.fork", fork=_fork(_flat_parents)
  ),
  "reward's fork does nothing": reward(
    "fork", r"reward\.fork: score", fork=lambda self, state, parents: state
  ),
  "reward's fork the other way round": reward(
    "fork", r"reward\.fork: score", fork=_reward_fork(_as_permutation)
  ),
  "reward's fork mixes problems": reward(
    "fork to itself", r"reward\.fork: the state\['total'\]",
    fork=_reward_fork(lambda total, parents: total[:, parents[0]]),
  ),
  "unknown status": policy(
    "status and tokens", r"Step\.status .* is 7 .*TRUNCATED \(2\)",
    extend=_changed(status=lambda s: jnp.where(s == search.FINISHED, 7, s)),
  ),
  "status of a duplicate": policy(
    "status and tokens", r"Step\.status .* is 3 ",
    extend=_changed(status=lambda s: s * 3),
  ),
  "negative status": policy(
    "status and tokens", r"Step\.status .* is -1 ",
    extend=_changed(status=lambda s: -s),
  ),
  "negative token counts": policy(
    "status and tokens", r"Step\.num_tokens .* is -\d .*at least 0",
    extend=_changed(num_tokens=lambda n: -n),
  ),
  "status of another type": policy(
    "shapes and dtypes", r"Step\.status .* is bool\[2, 5\], expected int32",
    extend=_changed(status=lambda s: s > 0),
  ),
  "tokens of another type": policy(
    "shapes and dtypes", r"Step\.num_tokens .* is float32\[2, 5\]",
    extend=_changed(num_tokens=lambda n: n * 1.0),
  ),
  "content without beams": policy(
    "shapes and dtypes", r"Step\.content .*\[2\], expected its first axes",
    extend=_changed(content=lambda content: content["node"][:, 0]),
  ),
  "whole scores": reward(
    "shapes and dtypes", r"scores .* is int32\[2, 5\], expected float32",
    score=_score(lambda scores: scores.astype(jnp.int32)),
  ),
  "a score a problem": reward(
    "shapes and dtypes", r"scores .* is float32\[2\], expected float32\[2, 5\]",
    score=_score(lambda scores: scores[:, 0]),
  ),
  "state changes its type": policy(
    "shapes and dtypes", r"state from policy\.fork\['node'\] is float32",
    fork=_fork(lambda node, parents: node * 1.0),
  ),
  "rewind changes its shape": policy(
    "shapes and dtypes", r"state from policy\.rewind",
    rewind=lambda self, before, after: before["node"],
  ),
  "layers first": Fault(
    "leading axis", r"\[2, 3, 5, 4\].*search\.layer_first|search\.layer_first",
    LayerFirst(N),
  ),
  "flat beams": Fault(
    "leading axis", r"\[10, 4\].*2 \* 5 beams.*search\.flat_rows", Flat(N)
  ),
  "one position for all": Fault(
    "leading axis", r"\['at'\] has shape \[\].*search\.per_row", Scalar(N)
  ),
  "no hash": Fault(
    "hashable", r"the reward \(Mutable\) cannot be hashed", reward=Mutable()
  ),
  "an array in the policy": Fault(
    "hashable", r"the policy \(Weighty\) cannot.*give arrays as params",
    Weighty(N, weights=jnp.ones(3)),
  ),
  "no fork": Fault(
    "functions", r"policy \(NoFork\) has no function fork",
    type("NoFork", (toy.CountingPolicy,), {"fork": None})(N),
  ),
  "rewind returns the later state": policy(
    "rewind", r"policy\.rewind", rewind=lambda self, before, after: after
  ),
  "reward's rewind returns the later state": reward(
    "rewind", r"reward\.rewind", rewind=lambda self, before, after: after
  ),
  "rewind forgets the counts": policy(
    "counts", r"policy\.rewind: the state\['spent'\] grew",
    rewind=lambda self, before, after: before,
  ),
  "a sum over the batch": Fault(
    "neighbours", r"policy: Step\.content\['node'\]",
    _batched(lambda node: node.sum() % 3),
  ),
  "a number by row": Fault(
    "order of problems", r"policy: Step",
    _batched(lambda node: jnp.arange(node.shape[0])[:, None]),
  ),
  "the number of rows": Fault(
    "number of problems", r"policy: Step", _batched(lambda node: len(node) % 2)
  ),
  "reward reads the first prompt": reward(
    "neighbours", r"reward: score of beam", start=_first_prompt
  ),
}  # fmt: skip
