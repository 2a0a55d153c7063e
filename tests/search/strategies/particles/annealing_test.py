"""Entropic annealing by hand, and in a particle filter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from inference_scaling.search.strategies.particles import annealing
from tests.search import gibbs_oracle, runs

FOUR = jnp.ones(4, jnp.int32)


def _factor(weights, steps, max_steps, counts=FOUR):
  return float(
    annealing.entropic_temperature(
      jnp.array(weights, jnp.float32), jnp.asarray(counts), steps, max_steps
    )
  )


def test_worked_examples():
  # ESS = 1 of 4: 4 (1 - t / T), in the first half of the steps alone.
  one = [1.0, 0, 0, 0]
  assert _factor(one, 1, 5) == pytest.approx(4 * 0.8)
  assert _factor(one, 2, 5) == pytest.approx(4 * 0.6)
  assert _factor(one, 3, 5) == _factor(one, 5, 5) == 1
  assert _factor(one, 1, 2) == 1  # half of the steps is not below half
  # ESS = 2 of 4 is enough; a little less is not.
  assert _factor([1, 1, 0, 0], 1, 100) == 1
  less = _factor([1, 0.9, 0, 0], 1, 100)
  assert less == pytest.approx(4 * (1 + 0.81) / 1.9**2 * 0.99)
  assert _factor([1.0] * 4, 1, 100) == _factor([0.0] * 4, 1, 100) == 1


def test_a_merged_particle_counts_as_all_that_it_stands_for():
  alone = _factor([1, 0.05, 0.05, 0], 1, 9, [1, 1, 2, 0])
  assert alone == pytest.approx(_factor([1, 0.05, 0.05, 0.05], 1, 9))
  assert alone > 1


def test_it_agrees_with_plain_python():
  rng = np.random.default_rng(0)
  raised = 0
  for _ in range(50):
    weights = rng.random(4) ** rng.integers(1, 30)
    weights /= weights.max()
    steps, max_steps = int(rng.integers(1, 8)), 10
    expected = gibbs_oracle.entropic(weights.tolist(), steps, max_steps)
    assert _factor(weights, steps, max_steps) == pytest.approx(
      expected, rel=1e-5
    )
    raised += expected > 1
  assert 10 < raised < 45


def _first_draws(**options):
  strategy = search.particle_filter("multinomial", **options)
  select = jax.jit(
    jax.vmap(strategy.select, (0, None, None)), compiler_options=runs.QUICK
  )
  beams = search.Beams(
    jnp.array([0.9, 0.1, 0.1, 0.1]), jnp.zeros(4, jnp.int32),
    jnp.ones(4, bool), FOUR,
  )  # fmt: skip
  keys = jax.random.split(jax.random.key(0), 500)
  parents, _, carry = select(keys, beams, strategy.init(4))
  return np.asarray(parents), carry


def test_a_filter_keeps_more_particles_while_it_is_annealed():
  sharp, temperature = _first_draws()
  flat, carry = _first_draws(entropic_steps=8)
  late, _ = _first_draws(entropic_steps=2)
  assert temperature.shape == (500,) and (carry.steps == 1).all()
  # Odds of 81 to 1, three times; ESS = 84^2 / (81^2 + 3).
  factor = gibbs_oracle.entropic([1, 1 / 81, 1 / 81, 1 / 81], 1, 8)
  assert factor == pytest.approx(4 * (81**2 + 3) / 84**2 * 7 / 8)
  share = 81 ** (1 / factor) / (81 ** (1 / factor) + 3)
  assert (flat == 0).mean() == pytest.approx(share, abs=0.03)
  assert (sharp == 0).mean() == pytest.approx(81 / 84, abs=0.02)
  np.testing.assert_array_equal(late, sharp)


def test_only_an_annealed_filter_has_another_carry():
  make = search.particle_filter
  assert make().static_part == make(entropic_steps=3).static_part
  assert make().init(4).shape == ()
  assert make(entropic_steps=3) != make(entropic_steps=4)
