"""Kernels, run without their devices, against products and softmax in NumPy."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models
from inference_scaling.models.kernels import mosaic
from inference_scaling.models.layers import (
  attention,
  decode_attention,
  hardware,
)
from inference_scaling.search import rebase
from tests.decoding import tiny
from tests.models import tiny as tiny_models

P, N, K, S, H = 4, 2, 2, 64, 16
PLATFORMS = ("tpu", "gpu")
STOPS = np.array([[0, 1], [64, 33], [31, 32], [16, 50]], np.int32)


def kernel(platform, mesh=None):
  return decode_attention.DecodeKernel(platform, mesh, interpret=True)


@functools.cache
def _arrays(G, T, dtype, fresh=3):
  """Queries, keys and values of the past, and of some fresh tokens."""
  random = np.random.default_rng(G + T)
  queries = jnp.array(random.normal(size=(P, N, K, G, T, H)), "float32")
  past = jnp.array(random.normal(size=(2, P, N, K, S, H)), dtype)
  new = jnp.array(random.normal(size=(2, P, N, K, fresh, H)), dtype)
  return queries, tuple(past), tuple(new)


def _softmax(queries, past, new, first):
  """Attends in NumPy; `first` is the first entry that each token sees."""
  queries, past, new = jax.tree.map(
    lambda leaf: np.array(leaf, np.float64), (queries, past, new)
  )
  mixed = np.zeros(queries.shape)
  for p, n, k, g, t in np.ndindex(queries.shape[:-1]):
    live = slice(max(0, first[p, n] + t), max(STOPS[p, n], 0))
    keys, values = (
      np.concatenate([old[p, n, k, live], more[p, n, k]])
      for old, more in zip(past, new, strict=True)
    )
    scores = keys @ queries[p, n, k, g, t] / np.sqrt(H)
    weights = np.exp(scores - scores.max())
    mixed[p, n, k, g, t] = weights @ values / weights.sum()
  return mixed


def _merged(kernel, queries, past, new, starts):
  """Attends to the past by the kernel, and to fresh tokens by products."""
  everything = jnp.ones((1, 1, 1, new[0].shape[3]), bool)
  segment = attention.Segment(*new, everything, attention.VALUES_AXIS)
  partial = kernel.attend(queries, *past, starts, STOPS, size=S)
  return attention.attend(queries, (segment,), (partial,))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("tokens", [(1, 1), (4, 1), (8, 1), (2, 16)])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_merged_with_other_segments(platform, tokens, dtype):
  G, T = tokens
  queries, past, new = _arrays(G, T, dtype)
  starts = np.full_like(STOPS, -T)
  mixed = jax.jit(functools.partial(_merged, kernel(platform)))(
    queries, past, new, starts
  )
  tolerance = 1e-5 if dtype == "float32" else 2e-2
  np.testing.assert_allclose(
    mixed, _softmax(queries, past, new, starts), atol=tolerance
  )
  entries = jnp.arange(S)[None, None, None]
  segments = tuple(
    attention.Segment(*pair, mask, attention.VALUES_AXIS)
    for pair, mask in (
      (past, entries < STOPS[..., None, None]),
      (new, jnp.ones((1, 1, 1, 3), bool)),
    )
  )
  np.testing.assert_allclose(
    mixed, attention.attend(queries, segments), atol=tolerance
  )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_windows_of_one_token(platform):
  queries, past, new = _arrays(2, 1, "float32")
  starts = STOPS - 20
  mixed = _merged(kernel(platform), queries, past, new, starts)
  expected = _softmax(queries, past, new, starts)
  np.testing.assert_allclose(mixed, expected, atol=1e-5)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("sizes", [(4, 2), (1, 2), (2, 1)])
def test_on_a_mesh(platform, sizes):
  count = sizes[0] * sizes[1]
  mesh = models.make_mesh(*sizes, jax.devices()[:count])
  queries, past, new = _arrays(2, 1, "float32")
  starts = np.full_like(STOPS, -1)
  mixed = jax.jit(functools.partial(_merged, kernel(platform, mesh)))(
    queries, past, new, starts
  )
  assert len(mixed.sharding.device_set) == count
  expected = _softmax(queries, past, new, starts)
  np.testing.assert_allclose(mixed, expected, atol=1e-5)


def test_fewer_problems_than_parts_of_a_mesh():
  queries, past, _ = _arrays(2, 1, "float32")
  starts = np.full_like(STOPS, -1)
  mesh = models.make_mesh(2, 2, jax.devices()[:4])
  given = [leaf[:1] for leaf in (queries, *past, starts, STOPS)]
  one = jax.eval_shape(
    functools.partial(kernel("tpu", mesh).attend, size=S), *given
  )
  assert one.sums.shape == given[0].shape


def test_one_problem_of_several():
  queries, past, _ = _arrays(2, 1, "float32")
  starts = np.full_like(STOPS, -1)
  mesh = models.make_mesh(1, 2, jax.devices()[:2])
  every = kernel("tpu").attend(queries, *past, starts, STOPS, size=S)
  one = kernel("tpu", mesh).attend(
    queries[1:2], *past, starts[1:2], STOPS[1:2], size=S, slots=jnp.array([1])
  )
  for part, whole in zip(
    jax.tree.leaves(one), jax.tree.leaves(every), strict=True
  ):
    np.testing.assert_allclose(part, whole[1:2], atol=1e-6)


def test_what_is_left_to_products():
  slots = jnp.array([1])
  calls = [
    (1, 128, "bfloat16", None, None), (16, 128, "bfloat16", 8, None),
    (1, 128, "bfloat16", 8, None), (16, 128, "bfloat16", None, slots),
    (1, 128, "float16", None, None), (1, 80, "bfloat16", None, None),
    (257, 128, "bfloat16", None, None),
  ]  # fmt: skip
  mesh = models.make_mesh(4, 2)
  for used, expected in (
    (kernel("tpu"), "yyyynnn"),
    (kernel("tpu", mesh), "yyyynny"),  # half of the heads
    (kernel("gpu"), "ynynyny"),
  ):
    for (T, size, dtype, *rest), letter in zip(calls, expected, strict=True):
      queries = jax.ShapeDtypeStruct((P, N, K, 2, T, size), "float32")
      keys = jax.ShapeDtypeStruct((P, N, K, S, size), dtype)
      assert used.serves(queries, keys, *rest) == (letter == "y")
      # What caps scores is products alone.
      assert not used.serves(queries, keys, *rest, softcap=50.0)


def test_what_a_tpu_holds_is_what_its_kernel_says():
  assert decode_attention._TPU_QUERIES == mosaic.MOST_QUERIES


def test_choice():
  for platform in ("cpu", *PLATFORMS):
    used = hardware.Hardware(platform, 1)
    for name in ("auto", "einsum"):
      assert decode_attention.choose(name, used, None) is None
  mesh = models.make_mesh(2, 4)
  chosen = decode_attention.choose(
    "kernel", hardware.Hardware("tpu", 8, 2, 4), mesh
  )
  assert chosen == decode_attention.DecodeKernel("tpu", mesh)
  cpu = hardware.of_mesh(None)
  with pytest.raises(
    ValueError, match=r"attention is 'kernel'.*CPUs.*expected 'auto' or"
  ):
    decode_attention.choose("kernel", cpu, None)
  with pytest.raises(ValueError, match=r"'flash'; expected one of auto, ein"):
    decode_attention.choose("flash", cpu, None)


@functools.cache
def _models(window):
  """A policy and a reward model with heads that a kernel for TPU takes."""
  config = tiny.config(head_dim=128, sliding_window=window)
  return [
    dataclasses.replace(made, tokenizer=tiny.letter_tokenizer())
    for made in (
      tiny_models.make_model(config, seed=1),
      tiny_models.make_reward_model(config, seed=2),
    )
  ]


def _search(platform, used, cache, window):
  """Greedy steps of two problems, as on an accelerator."""
  policy_model, reward_model = (
    dataclasses.replace(
      model, hardware=hardware.Hardware(platform, 1), decode_kernel=used
    )
    for model in _models(window)
  )
  sizes = (tiny.LIMITS, tiny.NUM_BEAMS)
  policy = decoding.ModelPolicy(policy_model, tiny.FORMAT, *sizes, cache=cache)
  reward = decoding.ModelReward(reward_model, *sizes, cache=cache)
  params = decoding.PolicyParams(policy_model.params, jnp.float32(0.0))
  problems = [
    decoding.PromptProblem(i, prompt)
    for i, prompt in enumerate(tiny.prompts(2))
  ]
  finished = decoding.continuous_batching(
    policy, reward, rebase(0.3), params, reward_model.params, problems, 0, 2, 2
  )
  return {one.problem_id: one.tree for one in finished}


@pytest.mark.slow
@pytest.mark.parametrize(
  "platform,cache,window",
  [("tpu", "dense", 5), ("gpu", "tree", None)],
)
def test_a_search_writes_the_same_tokens(monkeypatch, platform, cache, window):
  expected = _search(platform, None, cache, window)
  calls = []
  attend = decode_attention.DecodeKernel.attend

  def count(self, queries, *arguments, **options):
    calls.append(queries.shape[4])
    return attend(self, queries, *arguments, **options)

  monkeypatch.setattr(decode_attention.DecodeKernel, "attend", count)
  found = _search(platform, kernel(platform), cache, window)
  assert set(calls) == {1, tiny.LIMITS.step_tokens}  # tokens, and blocks
  assert sorted(found) == [0, 1]
  for problem, tree in found.items():
    other = expected[problem]
    for one, same in (
      (tree.contents.tokens, other.contents.tokens),
      (tree.parents, other.parents),
    ):
      np.testing.assert_array_equal(one, same)
    np.testing.assert_allclose(tree.scores, other.scores, atol=1e-5)
