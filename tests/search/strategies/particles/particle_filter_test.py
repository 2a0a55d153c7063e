"""Particle filtering on one problem."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from inference_scaling.search.strategies.particles.particle_filter import (
  particle_weights,
)

R, F, T, D = (
  search.RUNNING, search.FINISHED, search.TRUNCATED, search.DROPPED
)  # fmt: skip
ALL = jnp.ones(6, bool)
KEYS = jax.random.split(jax.random.key(0), 2000)


@functools.cache
def _many(resampling, terminal):
  select = search.particle_filter(resampling, 1.0, terminal).select
  return jax.jit(jax.vmap(select, (0, None, None)))


def _draw(scores, status, resampling, terminal, multiplicity=(1,) * 6):
  beams = search.Beams(
    jnp.array(scores), jnp.array(status), ALL, jnp.array(multiplicity)
  )
  carry = search.particle_filter().init(6)
  parents, active, _ = _many(resampling, terminal)(KEYS, beams, carry)
  return np.asarray(parents), np.asarray(active)


def test_weights_are_odds_at_temperature_one():
  scores = [0.2, 0.5, 0.9, 0.99, 1e-3, 0.6]
  weights = np.asarray(particle_weights(jnp.array(scores), ALL, 1.0))
  odds = np.array([score / (1 - score) for score in scores])
  np.testing.assert_allclose(weights, odds / odds.max(), rtol=1e-5)
  roots = np.asarray(particle_weights(jnp.array(scores), ALL, 2.0))
  np.testing.assert_allclose(roots, (odds / odds.max()) ** 0.5, rtol=1e-5)


def test_rewards_beyond_their_range_are_clipped():
  scores = jnp.array([0.0, -7.0, math.nan, 1e-6, 1.0, 3.0])
  weights = np.asarray(particle_weights(scores, ALL, 1.0))
  np.testing.assert_allclose(weights[:4], 1e-12, rtol=0.05)
  assert weights[4:].tolist() == [1.0, 1.0]
  cold = particle_weights(scores, ALL, 0.0)
  assert cold.tolist() == [0, 0, 0, 0, 1, 1]
  nobody = particle_weights(scores, ~ALL, 1.0)
  assert nobody.tolist() == [0] * 6


@pytest.mark.parametrize("resampling", ["systematic", "multinomial"])
def test_ended_particles_are_resampled_like_all_others(resampling):
  scores = [0.5, 0.8, 0.5, 0.5, 0.9, 0.5]  # odds 1, 4, 1, 1, -, 1
  status = [R, F, R, T, D, R]
  parents, active = _draw(scores, status, resampling, "resample")
  shares = np.array([1, 4, 1, 1, 0, 1]) * 6 / 8
  copies = np.stack([(parents == n).sum(axis=1) for n in range(6)], axis=1)
  assert (copies[:, 4] == 0).all()
  assert copies.mean(axis=0) == pytest.approx(shares, abs=0.12)
  running = np.array(status) == R
  assert (active == running[parents]).all()
  # A finished particle is copied, and it is lost.
  assert copies[:, 1].max() > 3 or resampling == "systematic"
  assert (copies[:, 3] == 0).any()
  # Whoever has a copy keeps the first one in the slot.
  kept = np.take_along_axis(copies, parents, axis=1) > 0
  assert kept.all()
  stayed = parents == np.arange(6)
  assert (stayed == (copies > 0)).all()


@pytest.mark.parametrize("resampling", ["systematic", "multinomial"])
def test_ended_particles_keep_their_slots_where_that_is_asked_for(resampling):
  scores = [0.5, 0.8, 0.75, 0.5, 0.9, 0.5]  # odds of those that run: 1, 3, 1
  status = [R, F, R, T, D, R]
  parents, active = _draw(scores, status, resampling, "keep")
  assert (parents[:, [1, 3]] == [1, 3]).all()
  assert (active == np.array([1, 0, 1, 0, 1, 1], bool)).all()
  free = parents[:, [0, 2, 4, 5]]
  means = [(free == n).sum(axis=1).mean() for n in range(6)]
  shares = [4 / 5, 0, 12 / 5, 0, 0, 4 / 5]
  assert means == pytest.approx(shares, abs=0.12)


def test_a_merged_particle_weighs_as_much_as_all_that_it_stands_for():
  parents, _ = _draw(
    [0.5] * 6, [R, R, R, D, D, D], "systematic", "resample", (1, 4, 1, 1, 1, 1)
  )
  assert ((parents == 1).sum(axis=1) == 4).all()
  assert ((parents == 0).sum(axis=1) == 1).all()


def test_equal_rewards_are_resampled_uniformly_by_multinomial_draws():
  parents, _ = _draw([0.4] * 6, [R] * 6, "multinomial", "resample")
  counts = np.bincount(parents.ravel(), minlength=6)
  expected = parents.size / 6
  chi_square = ((counts - expected) ** 2 / expected).sum()
  assert chi_square < 20.5  # 5 degrees of freedom, p = 0.001


def test_equal_strategies_share_compiled_programs():
  make = search.particle_filter
  assert make() == make("systematic", 1.0)
  assert make(temperature=1.0).static_part == make(temperature=2.0).static_part
  assert make("multinomial").static_part != make().static_part
  assert make(terminal="keep").static_part != make().static_part


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      ("residual",),
      r"resampling is 'residual', expected one of \('systematic'",
    ),
    (("systematic", 0), r"temperature is 0, expected a number above 0; 1 giv"),
    (("systematic", 1, "stop"), r"terminal is 'stop'.*'resample', 'keep'"),
    (("systematic", 1, "keep", "skip"), r"particle_filter: duplicates is"),
    (
      ("systematic", 1, "keep", "keep", 0),
      r"entropic_steps is 0, expected a wh",
    ),
  ],
)
def test_wrong_arguments_are_named(arguments, message):
  with pytest.raises(ValueError, match=message):
    search.particle_filter(*arguments)
