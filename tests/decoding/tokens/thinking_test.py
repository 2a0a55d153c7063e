"""Thinking against a plain loop over a model without a cache."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding.tokens import sampling, thinking
from inference_scaling.search import base
from inference_scaling.training import tokenizer as tokenizer_lib
from tests.decoding import tiny

TEXTS = thinking.ThinkingTexts(close="h", end="ihj", wait="kl")
LIMITS = decoding.Limits(
  prompt_tokens=9, step_tokens=8, total_tokens=14, max_steps=4
)
SHAPE = (3, tiny.NUM_BEAMS)
END_OF_TEXT = 1


def _id(letter):
  return tiny.letter_tokenizer().convert_tokens_to_ids(letter)


@functools.cache
def _policy(texts=TEXTS, num_rows=None, cache="dense"):
  return decoding.ModelPolicy(
    tiny.policy_model(), tiny.FORMAT, LIMITS, tiny.NUM_BEAMS, num_rows,
    cache=cache, token_scores=True, thinking=texts,
  )  # fmt: skip


@functools.cache
def _jitted(policy):
  return jax.jit(policy.start), jax.jit(policy.extend)


def _params(budget, waits, temperature=1.0):
  return tiny.policy_params(
    temperature,
    thinking=thinking.ThinkingParams(jnp.int32(budget), jnp.int32(waits)),
  )


def _keys(depth):
  return jax.random.split(jax.random.key(depth), SHAPE)


def _grow(policy, params, depths=3):
  """Steps of all running beams; yields each, and the state after it."""
  start, extend = _jitted(policy)
  state = start(params, tiny.stack(3))
  active = np.ones(SHAPE, bool)
  for depth in range(depths):
    state, step = extend(params, _keys(depth), state, jnp.array(active))
    yield state, step
    active &= np.array(step.status) == base.RUNNING


class _Beam:
  """One beam of the plain loop: the rules in words of one line each."""

  def __init__(self, prompt, budget, waits):
    self.text, self.budget, self.left = list(prompt), budget, waits
    self.written, self.queue = [], []
    self.thinking, self.answered = 0, False
    self.thinks, self.status = True, base.RUNNING

  def next_token(self, drawn):
    if self.thinks and self.thinking >= self.budget and not self.closing:
      self.queue = list(TEXTS.end)
    if self.queue:
      return _id(self.queue.pop(0))
    if self.thinks and drawn in (_id("h"), END_OF_TEXT) and self.left:
      self.left -= 1
      self.queue = list(TEXTS.wait)
      return _id(self.queue.pop(0))
    return drawn

  @property
  def closing(self):
    return "".join(self.queue) in ("ihj", "hj")

  def take(self, token, length):
    letter = tiny.letter_tokenizer().decode([token])
    self.text.append(token)
    self.written.append(token)
    self.thinking += self.thinks
    self.answered |= letter in tiny.ANSWERS and not self.thinks
    self.thinks &= letter != "h"
    ends = letter in tiny.STEP_ENDS
    if token == END_OF_TEXT or (ends and self.answered):
      self.status = base.FINISHED
    elif len(self.written) == LIMITS.total_tokens or (
      not ends and length == LIMITS.step_tokens
    ):
      self.status = base.TRUNCATED
    return ends or self.status != base.RUNNING


@jax.jit
def _draw(keys, t, texts, lengths):
  """Draws token t of a step of each text, int32[B, T]."""
  logits = tiny.policy_model().logits(tiny.policy_model().params, texts)
  last = jnp.take_along_axis(logits, lengths[:, None, None] - 1, 1)[:, 0]
  uniforms = jax.vmap(
    lambda key: jax.random.uniform(jax.random.fold_in(key, t))
  )(keys)
  return sampling.sample_tokens(uniforms, last, jnp.float32(1.0))


def _padded(texts):
  rows = np.zeros((SHAPE[0] * SHAPE[1], 24), np.int32)
  for row, text in enumerate(texts):
    rows[row, : len(text)] = text
  return rows


def _plain(budget, waits, depths=3):
  """The same steps by a loop over whole texts."""
  beams = [
    _Beam(prompt, budget, waits)
    for prompt in tiny.prompts(3)
    for _ in range(tiny.NUM_BEAMS)
  ]
  for depth in range(depths):
    keys = _keys(depth).reshape(-1)
    begun = [len(beam.written) for beam in beams]
    live = [beam.status == base.RUNNING for beam in beams]
    for t in range(LIMITS.step_tokens):
      texts = [beam.text for beam in beams]
      lengths = np.array([len(text) for text in texts])
      drawn = np.array(_draw(keys, t, _padded(texts), lengths))
      for i, beam in enumerate(beams):
        if live[i]:
          token = beam.next_token(int(drawn[i]))
          length = len(beam.written) + 1 - begun[i]
          live[i] = not beam.take(token, length)
    yield beams, begun


@pytest.mark.parametrize(
  "budget,waits,how",
  [
    (0, 0, {}),
    (3, 0, {}),
    (1, 5, {}),
    (7, 2, {}),
    (thinking.NO_BUDGET, 1, {"num_rows": 3, "cache": "tree"}),
  ],
)
def test_beams_think_as_a_plain_loop_does(budget, waits, how):
  policy = _policy(**how)
  seen = set()
  steps = _grow(policy, _params(budget, waits))
  for (state, step), (beams, begun) in zip(
    steps, _plain(budget, waits), strict=True
  ):
    tokens, lengths = map(np.array, (step.content.tokens, step.num_tokens))
    for i, beam in enumerate(beams):
      at = divmod(i, tiny.NUM_BEAMS)
      found = tokens[at][: lengths[at]].tolist()
      assert found == beam.written[begun[i] :], (i, found)
      if found:
        assert step.status[at] == beam.status
        seen.add((beam.status, beam.thinks))
      assert state.thoughts.open[at] == beam.thinks
      assert state.thoughts.tokens[at] == beam.thinking
  # The counts are those of the tokens.
  thinking_of = [
    sum(beams[p * 4 + n].thinking for n in range(4)) for p in range(3)
  ]
  np.testing.assert_array_equal(state.counts.thinking, thinking_of)
  assert len(seen) > 1


def test_forced_tokens_count_with_their_teacher_forced_probabilities():
  (_, step), *_ = _grow(_policy(), _params(2, 0), depths=1)
  texts, starts = [], []
  for p, n in np.ndindex(*SHAPE):
    written = step.content.tokens[p, n, : step.num_tokens[p, n]].tolist()
    starts.append(len(tiny.prompts(3)[p]))
    texts.append([*tiny.prompts(3)[p], *written])
  model = tiny.policy_model()
  table = jax.nn.log_softmax(tiny.uncached(model.logits, model.params, texts))
  forced = [_id(letter) for letter in TEXTS.end]
  met = 0
  for i, (text, start) in enumerate(zip(texts, starts, strict=True)):
    wanted = sum(table[i, t - 1, text[t]] for t in range(start, len(text)))
    found = step.content.log_probs[divmod(i, tiny.NUM_BEAMS)]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    met += text[start + 2 : start + 5] == forced
  assert met > 3


def test_after_forced_tokens_it_goes_on_as_after_a_prompt_with_them():
  budget, begin = 2, 2 + len(TEXTS.end)
  whole = decoding.StepFormat((), ("g",))
  limits = decoding.Limits(16, step_tokens=14, total_tokens=14)
  make = functools.partial(
    decoding.ModelPolicy, tiny.policy_model(), whole, limits
  )
  policy, plain = make(1, thinking=TEXTS), make(1)
  keys = jax.random.split(jax.random.key(0), (3, 1))

  def write(policy, params, prompts):
    rows = [decoding.pad_prompt(i, p, limits) for i, p in enumerate(prompts)]
    batch = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *rows)
    state = jax.jit(policy.start)(params, batch)
    every = jnp.ones(keys.shape, bool)
    _, step = jax.jit(policy.extend)(params, keys, state, every)
    return np.array(step.content.tokens[:, 0])

  prompts = tiny.prompts(3)
  written = write(policy, _params(budget, 0, 0.0), prompts)
  forced = [_id(letter) for letter in TEXTS.end]
  assert written[:, budget:begin].tolist() == [forced] * 3
  longer = [
    (*prompt, *row[:begin].tolist())
    for prompt, row in zip(prompts, written, strict=True)
  ]
  rest = write(plain, tiny.policy_params(0.0), longer)
  assert written[:, begin:].any()
  np.testing.assert_array_equal(written[:, begin:], rest[:, : 14 - begin])


def test_a_fork_takes_the_thinking_with_it():
  (state, _), *_ = _grow(_policy(), _params(3, 0), depths=1)
  parents = jnp.array([[3, 0, 0, 1]] * 3)
  forked = _policy().fork(state, parents)
  for old, new in zip(
    jax.tree.leaves(state.thoughts),
    jax.tree.leaves(forked.thoughts),
    strict=True,
  ):
    np.testing.assert_array_equal(new, np.take_along_axis(old, parents, 1))


def test_a_policy_that_thinks_is_told_how_long():
  with pytest.raises(ValueError, match=r"PolicyParams\.thinking is None"):
    _policy().start(tiny.policy_params(), tiny.stack(3))


def test_another_budget_is_no_other_program():
  policy = _policy()
  _, extend = _jitted(policy)
  list(_grow(policy, _params(3, 0)))
  compiled = extend._cache_size()
  list(_grow(policy, _params(5, 2)))
  assert extend._cache_size() == compiled


@pytest.mark.parametrize(
  "texts,wrong",
  [
    (thinking.ThinkingTexts("h", "ij", "kl"), "thinking.end is 'ij'"),
    (thinking.ThinkingTexts("h", "ih", "kh"), "thinking.wait is 'kh'"),
    (thinking.ThinkingTexts("h", "ih", ""), "thinking.wait is ''"),
  ],
)
def test_texts_that_do_not_fit_are_named(texts, wrong):
  with pytest.raises(ValueError, match=wrong):
    _policy(texts)


def test_every_token_that_holds_the_end_is_waited_at():
  tokenizer = tokenizer_lib.build_tokenizer()
  closers = [tokenizer.convert_tokens_to_ids(word) for word in ("7", "▁7")]
  wait = tokenizer.convert_tokens_to_ids("Step")
  thinks = thinking.compile_thinking(
    thinking.ThinkingTexts(close="7", end="7", wait="Step"),
    tokenizer, len(tokenizer), (),
  )  # fmt: skip
  for waits in (0, 1):
    params = thinking.ThinkingParams(jnp.int32(9), jnp.int32(waits))
    drawn = jnp.array([closers])
    written, thoughts = thinks.advance(
      params, thinks.start(params, drawn.shape), drawn
    )
    assert written.tolist() == ([[wait] * 2] if waits else [closers])
    assert thoughts.open.tolist() == [[bool(waits)] * 2]
