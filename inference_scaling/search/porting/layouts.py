"""Adapters: models that keep beams in another layout become a Policy or Reward.

The contract of `base` wants the axis of problems first, in every leaf of a
state, and leaves beams that are not active alone. Each function here wraps an
object, of a policy or of a reward, that is written otherwise:

  layer_first  the state has axes before P, as in a cache [L, P, N, ...]
  flat_rows    all beams are rows of one axis, as in a cache [L, P * N, ...]
  per_row      all rows share something, as the position they all write at

The results are pure functions of arrays and hashable where the wrapped object
is. `gather_beams` and `keep_inactive` are for whoever writes the contract
without an adapter.

Axis letters: P problems in flight, N beams per problem, B = P * N rows, L
layers.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import tree
from inference_scaling.search.checks import values


def gather_beams(state: Any, parents: jax.Array) -> Any:
  """The `fork` of a state whose every leaf has leading axes [P, N].

  Args:
    state: a pytree of arrays.
    parents: int32[P, N].

  Returns:
    The state in which beam n of problem p is beam parents[p, n].
  """
  problems = jnp.arange(parents.shape[0])[:, None]
  return jax.tree.map(lambda leaf: leaf[problems, parents], state)


def keep_inactive(active: jax.Array, new: Any, old: Any) -> Any:
  """The new state of active beams, and the old one of all others.

  Args:
    active: bool[P, N].
    new: a pytree of arrays with leading axes [P, N].
    old: likewise.

  Returns:
    The state, as `extend` and `score` must return it.
  """
  return tree.where(active, new, old)


def layer_first(owner: Any, axes: Any = 1) -> Any:
  """Wraps an object whose state has the axis of problems elsewhere.

  The object is a Policy or a Reward but for the layout of its state:

    class MyPolicy:
      num_beams = 8
      def start(self, params, prompts):  # cache [L, P, N, S, K, H]
        return {"cache": .., "lengths": ..}  # lengths [P, N]
      ..
    policy = layer_first(MyPolicy(), axes={"cache": 1, "lengths": 0})

  Axes are moved before and after each call. Compilers often do so without a
  copy; where they do not, write P first.

  Args:
    owner: a policy or a reward; its functions see its own layout alone.
    axes: where the axis P is: a number for every leaf, or a pytree of numbers
      that is a prefix of the state, as `jax.vmap` takes it.

  Returns:
    A Policy or a Reward.
  """
  numbers, prefix = jax.tree.flatten(axes)
  return LayerFirst(owner, tuple(numbers), prefix)


def flat_rows(owner: Any, axes: Any = 0) -> Any:
  """Wraps an object for which all beams of all problems are rows of one axis.

  Row p * N + n is beam n of problem p. The object's functions see nothing else
  but rows: keys [B], active bool[B], a Step and scores with leading axis B, and
  `fork(state, rows)` with int32[B], where row b goes on from row rows[b]. Only
  prompts have the axis P:

    class MyPolicy:
      num_beams = 8
      def start(self, params, prompts):  # prompts [P, T]
        return {"cache": .., "lengths": ..}  # [L, B, S, K, H] and [B]
      def extend(self, params, keys, state, active):  # keys [B], active [B]
        return state, Step(status, num_tokens, content)  # each [B, ...]
      def fork(self, state, rows):
        cache = state["cache"][:, rows]
        return {"cache": cache, "lengths": state["lengths"][rows]}
    policy = flat_rows(MyPolicy(), axes={"cache": 1, "lengths": 0})

  Args:
    owner: a policy or a reward; a reward has no `num_beams`.
    axes: where the axis B is, as for `layer_first`.

  Returns:
    A Policy or a Reward.
  """
  numbers, prefix = jax.tree.flatten(axes)
  return FlatRows(owner, tuple(numbers), prefix)


def per_row(owner: Any, num_beams: int) -> Any:
  """Wraps a model whose rows share something, such as one write position.

  Such a model writes the keys and values of all rows at one index, and counts
  it on for all of them. Beams differ in length, so each must have its own: the
  object is called for one row (B = 1) and `jax.vmap` makes it serve all. Rows
  that are not active are put back as they were, and forks copy whole rows, so
  the object needs neither `active` nor `fork`:

    class MyPolicy:
      def start(self, params, prompts):  # prompts [1, T]
        return {"cache": .., "index": ..}  # [L, 1, S, K, H] and []
      def extend(self, params, keys, state, active):  # keys [1], active [1]
        return state, Step(status, num_tokens, content)  # each [1, ...]
    policy = per_row(MyPolicy(), num_beams=8)

  Products with weights are still made for all rows at once. A `lax.cond` of the
  model computes both branches, and a `while_loop` runs as long as the longest
  row.

  Args:
    owner: with `start` and `extend`, or, for a reward, `start` and `score`;
      every function is for one row. Nothing in its state counts what was
      spent: a look-ahead takes all of it back.
    num_beams: N.

  Returns:
    A Policy or a Reward.
  """
  return PerRow(owner, num_beams)


class _Adapter:
  """A wrapped object; it lacks the functions that the object lacks."""

  owner: Any

  def __getattr__(self, name: str) -> Any:
    # Called only for missing names: something that the owner may lack.
    if name == "num_beams":
      return self.owner.num_beams
    if name in ("extend", "score", "rewind"):
      getattr(self.owner, name)
      return getattr(self, f"_{name}")
    raise AttributeError(f"{type(self).__name__} has no {name}")


@dataclasses.dataclass(frozen=True)
class LayerFirst(_Adapter):
  """See `layer_first`; `numbers` are the leaves of the tree `prefix`."""

  owner: Any
  numbers: tuple[int, ...]
  prefix: Any

  def start(self, params: Any, prompts: Any) -> Any:
    """Starts the owner's beams, and moves the axis P to the front."""
    return self._outward(self.owner.start(params, prompts))

  def fork(self, state: Any, parents: jax.Array) -> Any:
    """Forks the owner's beams in its own layout."""
    return self._outward(self.owner.fork(self._inward(state), parents))

  def _extend(
    self, params: Any, keys: jax.Array, state: Any, active: jax.Array
  ) -> tuple[Any, Any]:
    state, step = self.owner.extend(params, keys, self._inward(state), active)
    return self._outward(state), step

  def _score(
    self, params: Any, state: Any, step: Any, active: jax.Array
  ) -> tuple[Any, Any]:
    state, scores = self.owner.score(params, self._inward(state), step, active)
    return self._outward(state), scores

  def _rewind(self, before: Any, after: Any) -> Any:
    states = self._inward(before), self._inward(after)
    return self._outward(self.owner.rewind(*states))

  def _outward(self, state: Any) -> Any:
    return _move(self, state, lambda leaf, axis: jnp.moveaxis(leaf, axis, 0))

  def _inward(self, state: Any) -> Any:
    return _move(self, state, lambda leaf, axis: jnp.moveaxis(leaf, 0, axis))


@dataclasses.dataclass(frozen=True)
class FlatRows(_Adapter):
  """See `flat_rows`; `numbers` are the leaves of the tree `prefix`."""

  owner: Any
  numbers: tuple[int, ...]
  prefix: Any

  def start(self, params: Any, prompts: Any) -> Any:
    """Starts the owner's rows, and splits them into problems and beams."""
    num_problems = jax.tree.leaves(prompts)[0].shape[0]
    return self._outward(self.owner.start(params, prompts), num_problems)

  def fork(self, state: Any, parents: jax.Array) -> Any:
    """Forks the owner's rows."""
    P, N = parents.shape
    rows = jnp.arange(P, dtype=parents.dtype)[:, None] * N + parents
    return self._outward(self.owner.fork(self._inward(state), _join(rows)), P)

  def _extend(
    self, params: Any, keys: jax.Array, state: Any, active: jax.Array
  ) -> tuple[Any, Any]:
    P = active.shape[0]
    state, step = self.owner.extend(
      params, _join(keys), self._inward(state), _join(active)
    )
    return self._outward(state, P), _split(step, P, "the step")

  def _score(
    self, params: Any, state: Any, step: Any, active: jax.Array
  ) -> tuple[Any, Any]:
    P = active.shape[0]
    state, scores = self.owner.score(
      params, self._inward(state), jax.tree.map(_join, step), _join(active)
    )
    return self._outward(state, P), _split(scores, P, "scores")

  def _rewind(self, before: Any, after: Any) -> Any:
    states = self._inward(before), self._inward(after)
    num_problems = jax.tree.leaves(before)[0].shape[0]
    return self._outward(self.owner.rewind(*states), num_problems)

  def _outward(self, state: Any, num_problems: int) -> Any:
    state = _move(self, state, lambda leaf, axis: jnp.moveaxis(leaf, axis, 0))
    return _split(state, num_problems, "the state")

  def _inward(self, state: Any) -> Any:
    return _move(
      self, state, lambda leaf, axis: jnp.moveaxis(_join(leaf), 0, axis)
    )


@dataclasses.dataclass(frozen=True)
class PerRow(_Adapter):
  """See `per_row`."""

  owner: Any
  num_beams: int

  def start(self, params: Any, prompts: Any) -> Any:
    """Starts one row of each prompt, and repeats it for all beams."""

    def read(prompt):
      prompt = jax.tree.map(lambda leaf: leaf[None], prompt)
      return self.owner.start(params, prompt)

    def repeat(leaf):
      shape = (leaf.shape[0], self.num_beams, *leaf.shape[1:])
      return jnp.broadcast_to(leaf[:, None], shape)

    return jax.tree.map(repeat, jax.vmap(read)(prompts))

  def fork(self, state: Any, parents: jax.Array) -> Any:
    """Copies whole rows."""
    return gather_beams(state, parents)

  def rewind(self, before: Any, after: Any) -> Any:
    """Returns the state before: nothing is counted."""
    del after
    return before

  def _extend(
    self, params: Any, keys: jax.Array, state: Any, active: jax.Array
  ) -> tuple[Any, Any]:
    def write(key, state, active):
      return self.owner.extend(params, key[None], state, active[None])

    new, step = jax.vmap(jax.vmap(write))(keys, state, active)
    return keep_inactive(active, new, state), _only("Step", step)

  def _score(
    self, params: Any, state: Any, step: Any, active: jax.Array
  ) -> tuple[Any, Any]:
    def read(state, step, active):
      step = jax.tree.map(lambda leaf: leaf[None], step)
      return self.owner.score(params, state, step, active[None])

    new, scores = jax.vmap(jax.vmap(read))(state, step, active)
    return keep_inactive(active, new, state), _only("scores", scores)


def _move(
  adapter: LayerFirst | FlatRows,
  state: Any,
  move: Callable[[jax.Array, int], jax.Array],
) -> Any:
  """Moves the axis of every leaf that is not where it should be."""
  axes = jax.tree.unflatten(adapter.prefix, adapter.numbers)
  return jax.tree.map(
    lambda axis, part: jax.tree.map(lambda leaf: move(leaf, axis), part),
    axes, state,
  )  # fmt: skip


def _join(leaf: jax.Array) -> jax.Array:
  """[P, N, ...] to [B, ...]."""
  return leaf.reshape(-1, *leaf.shape[2:])


def _split(value: Any, num_problems: int, name: str) -> Any:
  """[B, ...] to [P, N, ...], for every leaf."""

  def split(path: Any, leaf: jax.Array) -> jax.Array:
    if leaf.ndim == 0 or leaf.shape[0] % num_problems:
      raise ValueError(
        f"flat_rows: {name}{jax.tree_util.keystr(path)} has shape "
        f"{list(leaf.shape)} with its axis of rows in front, expected a "
        f"multiple of {num_problems} problems; give the axis of rows as `axes`"
      )
    return leaf.reshape(num_problems, -1, *leaf.shape[1:])

  return jax.tree_util.tree_map_with_path(split, value)


def _only(name: str, value: Any) -> Any:
  """[P, N, 1, ...] to [P, N, ...], for every leaf."""

  def take(path: Any, leaf: jax.Array) -> jax.Array:
    shape = leaf.shape[2:]
    if shape[:1] != (1,):
      raise values.WrongValueError(
        f"per_row: {name}{jax.tree_util.keystr(path)} of one row has shape "
        f"{list(shape)}, expected its first axis to be [1], that of the row: "
        "return value[None]"
      )
    return leaf[:, :, 0]

  return jax.tree_util.tree_map_with_path(take, value)
