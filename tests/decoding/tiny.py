"""Tiny random models and tokenizers, and searches over them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers
import transformers
from tokenizers import decoders, pre_tokenizers

from inference_scaling import decoding, models

LETTERS = "abcdefghijklmno"
# Several of each, so that random texts meet them.
STEP_ENDS, ANSWERS = "bdf", "ceg"
FORMAT = decoding.StepFormat(tuple(STEP_ENDS), tuple(ANSWERS))
LIMITS = decoding.Limits(
  prompt_tokens=9, step_tokens=6, total_tokens=14, max_steps=4
)
NUM_BEAMS = 4
CONFIDENCE_TOKENS = 3


@functools.cache
def letter_tokenizer() -> transformers.PreTrainedTokenizerFast:
  """One token a letter, after <s> and </s>."""
  pieces = [("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
  pieces += [(letter, -1.0) for letter in LETTERS]
  core = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
  core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
  core.decoder = decoders.Metaspace(prepend_scheme="never")
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
  )


def config(**changes) -> models.DecoderConfig:
  """A grouped-query decoder whose constants are not the usual ones."""
  fields = {
    "vocab_size": len(letter_tokenizer()), "hidden_size": 24,
    "intermediate_size": 20, "num_layers": 2, "num_heads": 4,
    "num_kv_heads": 2, "head_dim": 6, "norm_eps": 3e-3,
    "rope_theta": 300.0, "max_position_embeddings": 64,
    "tie_word_embeddings": True, "eos_token_ids": (1,), "bos_token_id": 0,
  }  # fmt: skip
  return models.DecoderConfig(**(fields | changes))


@functools.cache
def policy_model() -> models.Model:
  """Random weights, far enough from 0 that attention matters."""
  model = models.initial_model(config(), letter_tokenizer(), seed=3)
  return _with_params(model, _louder(model.params))


@functools.cache
def reward_model() -> models.RewardModel:
  """A random reward model with a random head."""
  model = models.initial_reward_model(
    config(num_layers=1, hidden_size=16), letter_tokenizer(), seed=4
  )
  params = _louder(model.params)
  key = jax.random.key(5)
  params["score"] = jax.tree.map(
    lambda leaf: jax.random.normal(key, leaf.shape), params["score"]
  )
  return _with_params(model, params)


def _louder(params):
  """Random norm scales, and weights of more than the usual size."""

  def change(path, leaf):
    if "norm" in jax.tree_util.keystr(path):
      return leaf + 0.3 * jnp.sin(jnp.arange(leaf.size, dtype=leaf.dtype))
    return leaf * 1.5

  return jax.tree_util.tree_map_with_path(change, params)


def _with_params(model, params):
  return type(model)(model.config, params, model.tokenizer, model.graph)


@functools.cache
def policy() -> decoding.ModelPolicy:
  return decoding.ModelPolicy(
    policy_model(), FORMAT, LIMITS, NUM_BEAMS, token_scores=True,
    confidence_tokens=CONFIDENCE_TOKENS,
  )  # fmt: skip


@functools.cache
def reward() -> decoding.ModelReward:
  return decoding.ModelReward(reward_model(), LIMITS, NUM_BEAMS)


def policy_params(temperature=1.0, **filters) -> decoding.PolicyParams:
  return decoding.PolicyParams(
    policy_model().params, jnp.float32(temperature), **filters
  )


def prompts(count: int) -> list[tuple[int, ...]]:
  """Prompts of different lengths."""
  random = np.random.default_rng(7)
  return [
    tuple(int(token) for token in random.integers(3, 18, 1 + 5 * i % 9))
    for i in range(count)
  ]


def stack(count: int) -> decoding.Prompts:
  """The prompts as one batch."""
  rows = [
    decoding.pad_prompt(i, p, LIMITS) for i, p in enumerate(prompts(count))
  ]
  return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *rows)


def uncached(
  function, params, texts: list[list[int]], starts: list[int] | None = None
) -> np.ndarray:
  """Applies a model's function of params and tokens [B, T] to whole texts.

  With starts, the lengths of prompts, also of bool[B, T], true from there on.

  Padded to one shape, so that there is one compilation for all tests; what
  follows a text cannot be seen from inside it.
  """
  padded = np.zeros((48, 24), np.int32)
  for row, text in enumerate(texts):
    padded[row, : len(text)] = text
  inputs = [padded]
  if starts is not None:
    solution = np.zeros(padded.shape, bool)
    for row, start in enumerate(starts):
      solution[row, start:] = True
    inputs.append(solution)
  return np.array(jax.jit(function)(params, *inputs))[: len(texts)]


@functools.cache
def jitted():
  """The policy's start, extend, fork; the reward's start, score, fork."""
  return tuple(
    jax.jit(f)
    for f in (
      policy().start, policy().extend, policy().fork,
      reward().start, reward().score, reward().fork,
    )
  )  # fmt: skip


@functools.cache
def grown(temperature=1.0, num_problems=3, depths=3):
  """Grows beams with random forks, and keeps every state and text.

  Returns:
    A list with, for each depth: states before and after, the step, scores, who
    was active, and the texts int lists [P][N] before and after the step.
  """
  start, extend, fork, read, score, follow = jitted()
  params, weights = policy_params(temperature), reward_model().params
  batch = stack(num_problems)
  state, judged = start(params, batch), read(weights, batch)
  shape = (num_problems, NUM_BEAMS)
  texts = [[list(p) for _ in range(NUM_BEAMS)] for p in prompts(num_problems)]
  active = np.ones(shape, bool)
  history = []
  for depth in range(depths):
    keys = jax.random.split(jax.random.key(depth), shape)
    new_state, step = extend(params, keys, state, jnp.array(active))
    new_judged, scores = score(weights, judged, step, jnp.array(active))
    tokens, lengths = map(np.array, (step.content.tokens, step.content.lengths))
    longer = [
      [texts[p][n] + tokens[p, n, : lengths[p, n]].tolist() for n in range(4)]
      for p in range(num_problems)
    ]
    history.append(
      dict(
        state=state, new_state=new_state, step=step, active=active,
        judged=judged, new_judged=new_judged, scores=scores, before=texts,
        after=longer,
      )
    )  # fmt: skip
    running = active & (np.array(step.status) == 0)
    parents = np.tile(np.arange(NUM_BEAMS), (num_problems, 1))
    for p in range(num_problems):  # the first running beam gets a twin
      slots = np.flatnonzero(running[p])
      if len(slots) > 1:
        parents[p, slots[-1]] = slots[0]
    state = fork(new_state, jnp.array(parents))
    judged = follow(new_judged, jnp.array(parents))
    texts = [
      [longer[p][parents[p, n]] for n in range(NUM_BEAMS)]
      for p in range(num_problems)
    ]
    active = np.take_along_axis(running, parents, axis=1)
  return history
