"""One toy model with a cache of layers, written in every layout of a cache.

A row writes one number a step at its own place, and draws it by its key and by
all that is in its cache: what another row's place or cache would change shows.
"""

import dataclasses

import jax
import jax.numpy as jnp

from inference_scaling import search

LAYERS, SIZE = 3, 16


def _read(prompt):
  """The cache [L, S] of one prompt, and its length."""
  layers = jnp.arange(1, LAYERS + 1)[:, None]
  cache = jnp.zeros((LAYERS, SIZE), jnp.int32)
  return cache.at[:, : prompt.shape[0]].set(layers * prompt[None])


def _draw(key, cache, length):
  """One number of one row, and whether it is the last."""
  known = jnp.where(jnp.arange(SIZE)[None] < length, cache, 0)
  mix = jax.random.randint(key, (), 0, 90) + known.sum() % 7
  return mix.astype(jnp.int32), mix % 4 == 0


def _write(cache, token, index):
  layers = jnp.arange(1, LAYERS + 1)
  return cache.at[:, index].set(layers * token)


def _step(token, ends, full):
  status = jnp.where(ends, search.FINISHED, search.RUNNING)
  status = jnp.where(~ends & full, search.TRUNCATED, status)
  return search.Step(status, jnp.ones_like(token), {"token": token})


def _row(key, cache, length):
  token, ends = _draw(key, cache, length)
  cache = _write(cache, token, length)
  return cache, _step(token, ends, length + 1 >= SIZE)


@dataclasses.dataclass(frozen=True)
class Plain:
  """The contract itself: every leaf leads with [P, N]."""

  num_beams: int

  def start(self, params, prompts):
    shape = (prompts.shape[0], self.num_beams)
    caches = jax.vmap(_read)(prompts)[:, None]
    return {
      "cache": jnp.broadcast_to(caches, (*shape, LAYERS, SIZE)),
      "lengths": jnp.full(shape, prompts.shape[1], jnp.int32),
    }

  def extend(self, params, keys, state, active):
    cache, step = jax.vmap(jax.vmap(_row))(
      keys, state["cache"], state["lengths"]
    )
    new = {"cache": cache, "lengths": state["lengths"] + 1}
    return search.keep_inactive(active, new, state), step

  def fork(self, state, parents):
    return search.gather_beams(state, parents)

  def rewind(self, before, after):
    return before


@dataclasses.dataclass(frozen=True)
class LayerFirst(Plain):
  """The cache is [L, P, N, S]."""

  def start(self, params, prompts):
    state = super().start(params, prompts)
    return {**state, "cache": jnp.moveaxis(state["cache"], 2, 0)}

  def extend(self, params, keys, state, active):
    rows = jax.vmap(jax.vmap(_row, (0, 1, 0), (1, 0)), (0, 1, 0), (1, 0))
    cache, step = rows(keys, state["cache"], state["lengths"])
    cache = jnp.where(active[None, :, :, None], cache, state["cache"])
    return {"cache": cache, "lengths": state["lengths"] + active}, step

  def fork(self, state, parents):
    cache = jnp.take_along_axis(
      state["cache"], parents[None, :, :, None], axis=2
    )
    lengths = jnp.take_along_axis(state["lengths"], parents, axis=1)
    return {"cache": cache, "lengths": lengths}


@dataclasses.dataclass(frozen=True)
class Flat(Plain):
  """The cache is [L, B, S] for B rows."""

  def start(self, params, prompts):
    rows = jnp.repeat(prompts, self.num_beams, axis=0)
    cache = jax.vmap(_read, out_axes=1)(rows)
    lengths = jnp.full(rows.shape[0], prompts.shape[1], jnp.int32)
    return {"cache": cache, "lengths": lengths}

  def extend(self, params, keys, state, active):
    rows = jax.vmap(_row, (0, 1, 0), (1, 0))
    cache, step = rows(keys, state["cache"], state["lengths"])
    cache = jnp.where(active[None, :, None], cache, state["cache"])
    return {"cache": cache, "lengths": state["lengths"] + active}, step

  def fork(self, state, rows):
    return {
      "cache": state["cache"][:, rows],
      "lengths": state["lengths"][rows],
    }


@dataclasses.dataclass(frozen=True)
class OneIndex:
  """Writes all rows at one index and knows of no beams."""

  def start(self, params, prompts):
    cache = jax.vmap(_read, out_axes=1)(prompts)
    return {"cache": cache, "index": jnp.int32(prompts.shape[1])}

  def extend(self, params, keys, state, active):
    index = state["index"]
    token, ends = jax.vmap(_draw, (0, 1, None))(keys, state["cache"], index)
    cache = jax.vmap(_write, (1, 0, None), 1)(state["cache"], token, index)
    step = _step(token, ends, index + 1 >= SIZE)
    return {"cache": cache, "index": index + 1}, step


def _judge(total, token):
  total = total / 2 + (token % 10) / 10
  return total, total.mean(axis=-1)


@dataclasses.dataclass(frozen=True)
class PlainReward:
  """Keeps a number a layer, [P, N, L]."""

  num_beams: int

  def start(self, params, prompts):
    return jnp.zeros((prompts.shape[0], self.num_beams, LAYERS))

  def score(self, params, state, step, active):
    total, scores = _judge(state, step.content["token"][..., None])
    return search.keep_inactive(active, total, state), scores

  def fork(self, state, parents):
    return search.gather_beams(state, parents)

  def rewind(self, before, after):
    return before


@dataclasses.dataclass(frozen=True)
class LayerFirstReward(PlainReward):
  """Keeps [L, P, N]."""

  def start(self, params, prompts):
    return jnp.moveaxis(super().start(params, prompts), 2, 0)

  def score(self, params, state, step, active):
    total, scores = _judge(
      jnp.moveaxis(state, 0, 2), step.content["token"][..., None]
    )
    total = jnp.moveaxis(total, 2, 0)
    return jnp.where(active[None], total, state), scores

  def fork(self, state, parents):
    return jnp.take_along_axis(state, parents[None], axis=2)


@dataclasses.dataclass(frozen=True)
class FlatReward(PlainReward):
  """Keeps [B, L]."""

  def start(self, params, prompts):
    return jnp.zeros((prompts.shape[0] * self.num_beams, LAYERS))

  def score(self, params, state, step, active):
    total, scores = _judge(state, step.content["token"][..., None])
    return jnp.where(active[:, None], total, state), scores

  def fork(self, state, rows):
    return state[rows]


class RowReward:
  """Keeps [L], of its only row."""

  def start(self, params, prompts):
    return jnp.zeros(LAYERS)

  def score(self, params, state, step, active):
    total, scores = _judge(state, step.content["token"][0])
    return total, scores[None]
