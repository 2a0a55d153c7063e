"""Cached equals uncached for every family, with windows shorter than texts."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import dense as cache_lib
from inference_scaling.decoding.kv_cache import prompts as prompts_lib
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import hardware as hardware_lib
from tests.decoding import tiny
from tests.models import families
from tests.models import tiny as tiny_models

P, N = 2, 3
CPU, GPU, TPU = (
  hardware_lib.Hardware(platform, 1) for platform in ("cpu", "gpu", "tpu")
)
PROMPT, OWN, CHUNK = 7, 16, 4  # sizes of the buffers; texts are shorter
PROMPT_LENGTHS = np.array([7, 4])
# Tokens that each beam takes in, step by step: each at most a chunk.
STEPS = np.array([[[4, 2, 1], [3, 4, 4]], [[1, 4, 3], [4, 2, 4]]])


@functools.cache
def _texts(vocab_size):
  """Prompts [P, S], and what the beams write, padded, [P, N, steps, C]."""
  random = np.random.default_rng(3)
  prompts = random.integers(0, vocab_size, (P, PROMPT)).astype(np.int32)
  steps = random.integers(0, vocab_size, (P, N, len(STEPS), CHUNK))
  return prompts, steps.astype(np.int32)


def _walk(model, at_once):
  """Hidden states of all new tokens by (problem, beam), through the cache.

  Args:
    model: the model.
    at_once: T, how many tokens of a step are computed at once.
  """
  prompts, steps = _texts(model.config.vocab_size)

  @jax.jit
  def start(params):
    batch = limits_lib.Prompts(
      tokens=jnp.array(prompts), lengths=jnp.array(PROMPT_LENGTHS)
    )
    _, prompt = prompts_lib.compute(model, params, batch, batch.tokens.shape[1])
    return cache_lib.start(prompt, batch.lengths, N, OWN, model.hardware)

  @jax.jit
  def extend(params, cache, tokens, counts):
    buffer = None if model.hardware.is_cpu else CHUNK
    rows = cache.open_rows(beam_index_lib.ALL, OWN, PROMPT, buffer)

    def body(rows, index):
      part = jax.lax.dynamic_slice_in_dim(tokens, index, at_once, axis=2)
      positions = rows.positions()[..., None] + jnp.arange(at_once)[None, None]
      hidden, kept = model.forward(
        params, part, positions, rows.attention(model.config, at_once)
      )
      # A row that is shorter than its neighbours waits for them.
      return rows.advance(
        kept, jnp.clip(counts - index, 0, at_once), at_once
      ), hidden

    rows, found = jax.lax.scan(body, rows, jnp.arange(0, CHUNK, at_once))
    found = jnp.moveaxis(found, 0, 2).reshape(P, N, CHUNK, -1)
    return cache.close_rows(beam_index_lib.ALL, rows, CHUNK), found

  cache = start(model.params)
  hidden = {(p, n): [] for p in range(P) for n in range(N)}
  for number, counts in enumerate(STEPS):
    cache, found = extend(
      model.params, cache, steps[:, :, number], jnp.array(counts)
    )
    for (p, n), rows in hidden.items():
      rows += list(np.asarray(found[p, n, : counts[p, n]]))
  return hidden


def _whole(model):
  """The same hidden states, of whole texts without a cache."""
  prompts, steps = _texts(model.config.vocab_size)
  length = PROMPT + OWN
  padded = np.zeros((P * N, length), np.int32)
  for row in range(P * N):
    p, n = divmod(row, N)
    text = list(prompts[p, : PROMPT_LENGTHS[p]])
    for number, counts in enumerate(STEPS):
      text += list(steps[p, n, number, : counts[p, n]])
    padded[row, : len(text)] = text
  hidden = jax.jit(model.hidden)(model.params, padded)
  return {
    (row // N, row % N): np.asarray(hidden[row, PROMPT_LENGTHS[row // N] :])
    for row in range(P * N)
  }


# Each family, one token at a time as policies go, or some as rewards do, on a
# CPU and in the form for accelerators, which keeps new tokens in a buffer.
@pytest.mark.parametrize(
  "name,at_once,hardware",
  [
    ("mistral", 4, CPU),
    ("mistral", 1, TPU),
    ("gemma2", 4, CPU),
    *(
      pytest.param(*case, marks=pytest.mark.slow)
      for case in (
        ("llama", 1, CPU), ("mistral", 1, CPU), ("qwen2", 2, CPU),
        ("gpt_neox", 1, CPU), ("llama", 1, GPU), ("qwen2", 2, TPU),
        ("mistral", 4, GPU), ("gpt_neox", 1, TPU),
        ("gemma2", 1, TPU), ("gemma3_text", 1, CPU), ("gemma3_text", 2, TPU),
        ("olmo2", 1, CPU), ("phi3", 2, CPU), ("qwen3", 1, TPU),
      )
    ),
  ],
)  # fmt: skip
def test_cached_equals_uncached(name, at_once, hardware):
  config = families.READ[name]
  model = tiny_models.make_model(config, seed=4)
  model = dataclasses.replace(model, hardware=hardware)
  found, expected = _walk(model, at_once), _whole(model)
  for beam, rows in found.items():
    assert len(rows) == STEPS[:, *beam].sum()
    np.testing.assert_allclose(
      rows, expected[beam][: len(rows)], rtol=0, atol=5e-5
    )


def _rows(lengths):
  """Rows of zeros [P, N] of some lengths."""
  keys = jnp.zeros((P, 1, 2, 6, PROMPT))
  layers = 2 * ((keys, keys.swapaxes(-1, -2)),)
  cache = cache_lib.start(layers, jnp.array(PROMPT_LENGTHS), N, OWN, CPU)
  rows = cache.open_rows(beam_index_lib.ALL, OWN, PROMPT)
  return rows.replace(lengths=jnp.array(lengths, jnp.int32))


def _masks(monkeypatch, rows, config, num_tokens):
  """What the first layer lets its tokens see, of the prompt and their own."""
  seen = []

  def record(queries, segments, softcap):
    seen.append([np.asarray(segment.mask) for segment in segments])
    return queries

  monkeypatch.setattr(attention, "attend", record)
  T, K, G, H = num_tokens, config.num_kv_heads, 2, config.head_dim
  for attend in rows.attention(config, T):
    attend(*map(jnp.zeros, ((P, N, K, G, T, H), (P, N, K, H, T),
                            (P, N, K, T, H))))  # fmt: skip
  assert len(seen) == config.num_layers
  return seen


LENGTHS = [[0, 4, 9], [2, 1, 13]]


@pytest.mark.parametrize("num_tokens", [1, 3])
@pytest.mark.parametrize("window", [None, 2, 5, 100])
def test_tokens_see_what_came_before_within_the_window(
  monkeypatch, window, num_tokens
):
  config = tiny.config(sliding_window=window, first_window_layer=1)
  masks = _masks(monkeypatch, _rows(LENGTHS), config, num_tokens)
  for layer, (prompt, own) in enumerate(masks):
    far = 1000 if window is None or layer == 0 else window
    for p, n, t in np.ndindex(P, N, num_tokens):
      length, start = LENGTHS[p][n], PROMPT_LENGTHS[p]
      place = start + length + t
      near = range(max(0, place - far + 1), place + 1)
      both = [
        np.flatnonzero(np.broadcast_to(mask, (P, N, num_tokens, S))[p, n, t])
        for mask, S in ((prompt, PROMPT), (own, OWN))
      ]
      assert both[0].tolist() == [i for i in near if i < start]
      assert both[1].tolist() == [i - start for i in near if i >= start]


def test_no_mask_but_the_lengths_without_a_window(monkeypatch):
  # Nor with one that no text can be longer than.
  for window in (None, 100):
    config = tiny.config(sliding_window=window)
    for prompt, own in _masks(monkeypatch, _rows(LENGTHS), config, 1):
      assert prompt.shape == (P, 1, 1, PROMPT) and own.shape == (P, N, 1, OWN)


def _mean_seen(places, window):
  """Positions attended to at some places, by the mean of two layers."""
  everything = sum(place + 1 for place in places)
  limited = sum(min(place + 1, window) for place in places)
  return (everything + limited) // 2


@pytest.mark.slow
def test_policy_and_reward_with_a_window():
  """Likelihoods, scores and the ledger of two steps; one layer of two."""
  config = tiny.config(
    family="qwen2", qkv_bias=True, sliding_window=3, first_window_layer=1
  )
  model, judge = (
    dataclasses.replace(made, tokenizer=tiny.letter_tokenizer())
    for made in (
      tiny_models.make_model(config, seed=1),
      tiny_models.make_reward_model(config, seed=2),
    )
  )
  policy = decoding.ModelPolicy(
    model, tiny.FORMAT, tiny.LIMITS, N, token_scores=True
  )
  reward = decoding.ModelReward(judge, tiny.LIMITS, N)
  params = decoding.PolicyParams(model.params, jnp.float32(1.0))
  batch = tiny.stack(P)
  extend, score = jax.jit(policy.extend), jax.jit(reward.score)
  # Compiled as a whole: faster than one by one.
  state = jax.jit(policy.start)(params, batch)
  judged = jax.jit(reward.start)(judge.params, batch)
  texts = [[list(prompt) for _ in range(N)] for prompt in tiny.prompts(P)]
  likely, active = np.zeros((P, N)), np.ones((P, N), bool)
  for depth in range(2):
    keys = jax.random.split(jax.random.key(depth), (P, N))
    state, step = extend(params, keys, state, jnp.array(active))
    judged, scores = score(judge.params, judged, step, jnp.array(active))
    likely += np.where(active, step.content.log_probs, 0.0)
    for p, n in np.argwhere(active):
      length = step.content.lengths[p, n]
      texts[p][n] += np.array(step.content.tokens[p, n, :length]).tolist()
    active &= np.array(step.status) == 0
  rows = [text for beams in texts for text in beams]
  starts = [len(prompt) for prompt in tiny.prompts(P) for _ in range(N)]
  logits = tiny.uncached(model.logits, model.params, rows)
  logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
  rewards = tiny.uncached(judge.token_rewards, judge.params, rows, starts)
  for row, (text, start) in enumerate(zip(rows, starts, strict=True)):
    drawn = range(start, len(text))
    expected = sum(logits[row, i - 1, text[i]] for i in drawn)
    np.testing.assert_allclose(likely[divmod(row, N)], expected, atol=1e-4)
    np.testing.assert_allclose(
      scores[divmod(row, N)], rewards[row, len(text) - 1], atol=1e-5
    )
  for p in range(P):
    start = starts[p * N]
    beams = [range(start, len(text)) for text in texts[p]]
    # Each token is computed when the next is drawn; the prompt's last as well.
    spent = _mean_seen(range(start - 1), 3) + sum(
      _mean_seen([place - 1], 3) for beam in beams for place in beam
    )
    assert state.counts.attended[p] == spent
    scored = judged.counts.attended[p] - _mean_seen(range(start), 3)
    # Rounded down for each step of each beam, not for each beam.
    exact = sum(_mean_seen(beam, 3) for beam in beams)
    assert exact - 2 * N <= scored <= exact
    assert max(map(len, beams)) > 3
