"""Draws from logits that a mesh splits: the same tokens, and few bytes."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec
from scipy import stats

from inference_scaling import models
from inference_scaling.decoding import policy_state
from inference_scaling.decoding.tokens import drawing
from inference_scaling.models.layers import decoder, hardware
from inference_scaling.plan import targets
from inference_scaling.plan.hlo import movement, program
from tests.models import tiny

MESHES = [(1, 8), (2, 4), (4, 2)]
SAMPLERS = [
  (1.0, None, None), (0.6, None, None), (0.0, None, None), (0.0, 5, 0.9),
  (1.3, 7, None), (1.0, None, 0.7), (0.8, 40, 0.95),
]  # fmt: skip
SHAPE = (8, 64)


def _params(temperature, top_k, top_p):
  return policy_state.PolicyParams(
    None,
    jnp.float32(temperature),
    None if top_k is None else jnp.int32(top_k),
    None if top_p is None else jnp.float32(top_p),
  )


@functools.cache
def _jitted(shape):
  """Draws on a mesh of a shape; on one device for None."""
  mesh = shape and models.make_mesh(*shape)
  used = hardware.of_mesh(mesh)

  def draw(params, uniform, logits):
    tokens, finite = drawing.draw(params, uniform, logits, used)
    return tokens, finite, drawing.token_stats(logits, tokens)

  if mesh is None:
    return jax.jit(draw)
  where = [
    NamedSharding(mesh, PartitionSpec(*axes))
    for axes in ((), ("data", None), ("data", None, "model"))
  ]
  return jax.jit(draw, in_shardings=tuple(where))


def _draw(shape, sampler, uniform, logits):
  return _jitted(shape)(_params(*sampler), uniform, logits)


def _inputs(vocabulary, seed=0):
  logits, uniform = jax.random.split(jax.random.key(seed))
  return (
    jax.random.uniform(uniform, SHAPE),
    3 * jax.random.normal(logits, (*SHAPE, vocabulary)),
  )


# Blocks divide parts of the first and pad the second; the last has few entries.
@pytest.mark.parametrize(
  "shape, vocabulary", [((1, 8), 320), ((2, 4), 1064), ((4, 2), 24)]
)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_split_logits_give_the_tokens_of_one_device(shape, vocabulary, sampler):
  uniform, logits = _inputs(vocabulary)
  alone = _draw(None, sampler, uniform, logits)
  split = _draw(shape, sampler, uniform, logits)
  same = np.asarray(alone[0] == split[0])
  # Few uniforms are so near to a boundary that rounding decides.
  assert same.mean() > 0.995 and (sampler[0] > 0 or same.all())
  assert alone[1].all() and split[1].all()
  for one, other in zip(alone[2][:2], split[2][:2], strict=True):
    np.testing.assert_allclose(one[same], other[same], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [None, *MESHES])
def test_a_token_is_where_the_cumulative_sum_passes_the_uniform(shape):
  uniform, logits = _inputs(320, seed=1)
  tokens, _, found = _draw(shape, (1.0, None, None), uniform, logits)
  exact = np.asarray(logits, np.float64)
  exact -= np.log(np.exp(exact).sum(axis=-1, keepdims=True))
  chosen = np.asarray(tokens)[..., None]
  upper = np.take_along_axis(np.exp(exact).cumsum(axis=-1), chosen, -1)[..., 0]
  log_probs = np.take_along_axis(exact, chosen, -1)[..., 0]
  assert (np.asarray(uniform) <= upper + 1e-6).all()
  assert (np.asarray(uniform) >= upper - np.exp(log_probs) - 1e-6).all()
  np.testing.assert_allclose(found.log_probs, log_probs, atol=1e-5)
  certainty = -exact.mean(axis=-1) - math.log(exact.shape[-1])
  np.testing.assert_allclose(found.certainty, certainty, rtol=1e-5)


@pytest.mark.parametrize("shape", MESHES)
def test_draws_on_a_mesh_pass_a_chi_square_test(shape):
  vocabulary, rows = 40, (8, 2500)
  logits = np.random.default_rng(0).normal(size=vocabulary).astype(np.float32)
  tokens, _, _ = _draw(
    shape, (0.8, 25, None), jax.random.uniform(jax.random.key(2), rows),
    jnp.broadcast_to(logits, (*rows, vocabulary)),
  )  # fmt: skip
  expected = np.exp(np.float64(logits) / 0.8)
  expected[np.argsort(-logits)[25:]] = 0
  counts = np.bincount(np.ravel(tokens), minlength=vocabulary)
  assert counts[expected == 0].sum() == 0
  kept = expected > 0
  wanted = expected[kept] / expected.sum() * math.prod(rows)
  assert stats.chisquare(counts[kept], wanted).pvalue > 1e-3


def _rows(*rows):
  """Eight problems of one beam, one row of logits each; the rest are zeros."""
  return jnp.zeros((8, 1, 16)).at[: len(rows), 0].set(jnp.array(rows))


def test_the_first_of_ties_wins_whichever_parts_they_are_in():
  row = np.arange(16.0)
  logits = _rows(
    np.where(np.isin(row, (5, 9)), 3.0, 0.0),
    np.where(np.isin(row, (15, 0)), 1.0, 1 - 2.0**-23),
    np.where(np.isin(row, (6, 7)), -2.0, -2.0000005),
  )
  uniform = jnp.full((8, 1), 0.99)
  for shape in MESHES:
    tokens, _, _ = _draw(shape, (0.0, None, None), uniform, logits)
    assert tokens[:, 0].tolist() == [5, 0, 6, 0, 0, 0, 0, 0]


def test_no_uniform_draws_a_token_of_no_weight_on_a_mesh():
  row, none = np.arange(16), -np.inf
  # Within a part, at both ends, and underflow rather than no weight at all.
  logits = _rows(
    np.where(row == 6, 0.0, none),
    np.where(np.isin(row, (3, 12)), 0.0, none),
    np.where(row == 9, 0.0, -300.0),
  )
  for uniform in (0.0, 1e-30, 0.5, 1 - 2**-24):
    for shape in MESHES:
      tokens, finite, _ = _draw(
        shape, (1.0, None, None),
        jnp.full((8, 1), uniform, jnp.float32), logits,
      )  # fmt: skip
      second = 3 if uniform < 0.5 else 12
      assert tokens[:3, 0].tolist() == [6, second, 9]
      assert finite.all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_logits_that_are_no_numbers_show_in_any_part(wrong):
  logits = jnp.zeros((8, 1, 16))
  for problem in range(6):
    logits = logits.at[problem, 0, 3 * problem].set(wrong)
  logits = logits.at[6].set(-np.inf)
  for shape in MESHES:
    _, finite, _ = _draw(
      shape, (1.0, None, None), jnp.full((8, 1), 0.5), logits
    )
    assert finite[:, 0].tolist() == [False] * 7 + [True]


def _program(mesh, vocabulary, sampler, tied):
  """What follows the layers of a model, compiled for a mesh."""
  config = dataclasses.replace(
    tiny.WIDE_HEADS, vocab_size=vocabulary, tie_word_embeddings=tied
  )
  graph, shapes = nnx.split(
    nnx.eval_shape(lambda: decoder.Decoder(config, nnx.Rngs(0)))
  )
  model = models.Model(
    config, nnx.to_pure_dict(shapes), None, graph,
    hardware=hardware.of_mesh(mesh),
  )  # fmt: skip
  put = lambda shape, dtype, *axes: jax.ShapeDtypeStruct(  # noqa: E731
    shape, dtype, sharding=NamedSharding(mesh, PartitionSpec(*axes))
  )
  weights = jax.tree.map(
    lambda leaf, layout: jax.ShapeDtypeStruct(
      leaf.shape, jnp.bfloat16, sharding=layout
    ),
    model.params, models.parameter_shardings(model.params, mesh),
  )  # fmt: skip

  def draw(weights, params, hidden, uniform):
    logits = model.unembed(weights, hidden)
    tokens, finite = drawing.draw(params, uniform, logits, model.hardware)
    return tokens, finite, drawing.token_stats(logits, tokens)

  width = (*SHAPE, config.hidden_size)
  lowered = jax.jit(draw).lower(
    weights,
    jax.tree.map(lambda leaf: put((), leaf.dtype), _params(*sampler)),
    put(width, jnp.bfloat16, "data"),
    put(SHAPE, jnp.float32, "data"),
  )
  return program.parse(lowered.compile().as_text())


def _crossing(mesh, vocabulary, sampler, tied):
  """Bytes that a row gives to other devices; those in a loop once."""
  module = _program(mesh, vocabulary, sampler, tied)
  exchanges = movement.collectives(module, module.entry)
  assert {one.kind for one in exchanges} == {"all-reduce"}
  rows = math.prod(SHAPE) // mesh.devices.shape[0]
  return sum(one.bytes for one in exchanges) / rows


def _check_crossing(mesh):
  sums = 4 * mesh.devices.shape[1]  # of all parts
  cuts = 1 if hardware.of_mesh(mesh).is_cpu else 15
  # Blocks divide the parts of the first vocabulary, and none of the second.
  for vocabulary, tied in ((3200, False), (8 * 1187, True)):
    # Beside the sums: maxima, the token, and what its statistics are made of.
    crossing = _crossing(mesh, vocabulary, SAMPLERS[0], tied)
    assert sums < crossing <= sums + 40
    # And what is above each cut that a pass tries, for two thresholds.
    crossing = _crossing(mesh, vocabulary, SAMPLERS[-1], tied)
    assert sums + 8 * cuts < crossing <= sums + 48 + 8 * cuts


@pytest.mark.parametrize("shape", MESHES)
def test_a_row_sends_some_bytes_and_no_logits(shape):
  _check_crossing(models.make_mesh(*shape))


@pytest.mark.parametrize(
  "name, shape", [("v5e:2x4", (1, 8)), ("v6e:2x4", (2, 4)), ("h200:8", (1, 8))]
)
def test_a_row_sends_some_bytes_on_accelerators(name, shape):
  try:
    devices = targets.devices(targets.parse(name))
  except ValueError as error:
    pytest.skip(str(error))
  _check_crossing(models.make_mesh(*shape, devices))
