import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding.kv_cache import beam_index
from inference_scaling.search import base
from tests.decoding import tiny

END_OF_TEXT = 1


def _rows(history):
  """Yields depth, problem, beam and the step of every beam that took part."""
  for depth, entry in enumerate(history):
    tokens = np.array(entry["step"].content.tokens)
    lengths = np.array(entry["step"].content.lengths)
    for p, n in zip(*np.nonzero(entry["active"]), strict=True):
      yield depth, p, n, tokens[p, n, : lengths[p, n]].tolist()


def _logits(texts):
  """Logits of all next tokens, by the model without a cache."""
  model = tiny.policy_model()
  return tiny.uncached(model.logits, model.params, texts)


def test_cached_decoding_agrees_with_the_model_without_a_cache():
  history = tiny.grown()
  cases = list(_rows(history))
  assert len(cases) > 20
  texts = [history[d]["after"][p][n] for d, p, n, _ in cases]
  table = jax.nn.log_softmax(_logits(texts))
  for row, (depth, p, n, step) in enumerate(cases):
    begin = len(texts[row]) - len(step)
    wanted = sum(
      table[row, begin + t - 1, token] for t, token in enumerate(step)
    )
    found = history[depth]["step"].content.log_probs[p, n]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_next_logits_agree_after_forks():
  """Not only the drawn tokens' probabilities: all logits of the next token."""
  model, entry = tiny.policy_model(), tiny.grown()[-1]
  state = entry["state"]
  rows = state.cache.open_rows(beam_index.ALL, tiny.LIMITS.text_buffer, 32)
  hidden, _ = model.forward(
    model.params, state.pending[..., None], rows.positions()[..., None],
    rows.attention(model.config, 1),
  )  # fmt: skip
  found = model.unembed(model.params, hidden[:, :, 0])
  texts = [text for beams in entry["before"] for text in beams]
  wanted = [
    table[len(text) - 1]
    for text, table in zip(texts, _logits(texts), strict=True)
  ]
  found = found.reshape(len(texts), -1)
  np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_temperature_0_equals_a_plain_loop_over_the_model():
  history = tiny.grown(0.0, depths=1)
  texts = [list(prompt) for prompt in tiny.prompts(3)]
  for _ in range(tiny.LIMITS.step_tokens):
    for text, logits in zip(texts, _logits(texts), strict=True):
      text.append(int(np.argmax(logits[len(text) - 1])))
  for _, p, _, step in _rows(history):
    begin = len(tiny.prompts(3)[p])
    assert step == texts[p][begin : begin + len(step)]


def _status(text, step):
  """What a step's tokens make of its beam, read off the decoded text."""
  tokenizer = tiny.letter_tokenizer()
  letters = [tokenizer.decode([token]) for token in step]
  answered = set(tiny.ANSWERS) & set(tokenizer.decode(text))
  if step[-1] == END_OF_TEXT:
    return base.FINISHED
  if letters[-1] in tiny.STEP_ENDS:
    if answered:
      return base.FINISHED
    return (
      base.RUNNING if len(text) < tiny.LIMITS.total_tokens else base.TRUNCATED
    )
  assert (
    len(step) == tiny.LIMITS.step_tokens
    or len(text) == tiny.LIMITS.total_tokens
  )
  return base.TRUNCATED


def test_each_beam_stops_at_its_own_step_end():
  history = tiny.grown()
  seen = set()
  for depth, p, n, step in _rows(history):
    generated = history[depth]["after"][p][n][len(tiny.prompts(3)[p]) :]
    letters = [tiny.letter_tokenizer().decode([t]) for t in step[:-1]]
    assert not set(tiny.STEP_ENDS) & set(letters)
    assert END_OF_TEXT not in step[:-1]
    status = int(history[depth]["step"].status[p, n])
    assert status == _status(generated, step)
    seen.add(status)
  assert seen == {base.RUNNING, base.FINISHED, base.TRUNCATED}


def test_beams_that_wait_or_have_ended_do_not_change():
  history = tiny.grown()
  waited = 0
  for entry in history:
    for p, n in zip(*np.nonzero(~entry["active"]), strict=True):
      assert entry["step"].num_tokens[p, n] == 0
      assert entry["step"].content.log_probs[p, n] == 0
      for name in ("state", "judged"):
        old, new = entry[name], entry["new_" + name]
        _assert_same_beam(old, new, p, n)
      assert entry["scores"][p, n] == entry["judged"].scores[p, n]
      waited += 1
  assert waited > 5


def _assert_same_beam(old, new, p, n):
  """Compares all that belongs to one beam; the rest is its problem's."""
  length = old.cache.lengths[p, n]

  def parts(state):
    # Behind the text, rows that wait are written to, and nobody reads it.
    own = [
      (keys[p, n, ..., :length], values[p, n, :, :length])
      for keys, values in state.cache.own
    ]
    names = ("pending", "automaton", "answered")
    rest = [
      getattr(state, name)[p, n] for name in names if hasattr(state, name)
    ]
    return own, state.cache.lengths[p, n], rest

  assert length > 0
  jax.tree.map(np.testing.assert_array_equal, parts(old), parts(new))


def test_counts_are_those_of_the_tokens_computed():
  history = tiny.grown()
  counts = history[-1]["new_state"].counts
  for p, prompt in enumerate(tiny.prompts(3)):
    # Every prompt token but the last, then each token that a draw needed.
    visible = list(range(1, len(prompt)))
    decode = 0
    for depth, problem, n, step in _rows(history):
      if problem == p:
        before = len(history[depth]["before"][p][n])
        visible += range(before, before + len(step))
        decode += len(step)
    assert counts.prefill[p] == len(prompt) - 1
    assert counts.decode[p] == decode
    assert counts.attended[p] == sum(visible)


def test_draws_do_not_depend_on_the_neighbours():
  start, extend, *_ = tiny.jitted()
  params, batch = tiny.policy_params(), tiny.stack(3)
  keys = jax.random.split(jax.random.key(9), (3, tiny.NUM_BEAMS))
  active = jnp.ones(keys.shape, bool)
  _, together = extend(params, keys, start(params, batch), active)
  order = jnp.array([2, 0, 1])
  shuffled = jax.tree.map(lambda leaf: leaf[order], batch)
  _, moved = extend(params, keys[order], start(params, shuffled), active)
  for new, old in enumerate(order):
    jax.tree.map(
      lambda a, b, new=new, old=old: np.testing.assert_array_equal(
        a[old], b[new]
      ),
      together,
      moved,
    )


def test_filters_and_temperature_compile_nothing():
  start, extend, *_ = tiny.jitted()
  keys = jax.random.split(jax.random.key(0), (3, tiny.NUM_BEAMS))
  active = jnp.ones(keys.shape, bool)
  steps, programs = [], []
  for temperature, top_k in ((1.0, 0), (0.5, 0), (1.0, 1)):
    params = tiny.policy_params(
      temperature, top_k=jnp.int32(top_k), top_p=jnp.float32(1)
    )
    state = start(tiny.policy_params(), tiny.stack(3))
    steps.append(extend(params, keys, state, active)[1])
    programs.append(extend._cache_size())
  assert programs[0] == programs[-1]
  tokens = [np.array(step.content.tokens) for step in steps]
  assert not np.array_equal(tokens[0], tokens[1])
  greedy = tiny.grown(0.0, depths=1)[0]["step"].content.tokens
  np.testing.assert_array_equal(tokens[2], greedy)


def test_limits_must_be_positive():
  with pytest.raises(ValueError, match="step_tokens is 0"):
    decoding.Limits(prompt_tokens=4, step_tokens=0)


def _whole_solutions(step_format):
  """Solutions that are one step each; at most 14 tokens."""
  limits = decoding.Limits(prompt_tokens=9, total_tokens=14, step_tokens=9)
  policy = decoding.ModelPolicy(
    tiny.policy_model(), step_format, limits.whole, tiny.NUM_BEAMS
  )
  batch = tiny.stack(3)

  @jax.jit
  def solve(params):
    state = policy.start(params, batch)
    keys = jax.random.split(jax.random.key(0), (3, tiny.NUM_BEAMS))
    return policy.extend(params, keys, state, jnp.ones(keys.shape, bool))[1]

  return solve(tiny.policy_params())


def test_without_step_ends_a_step_is_a_whole_solution():
  step = _whole_solutions(decoding.StepFormat((), ("zz",)))
  tokens, lengths = np.array(step.content.tokens), np.array(step.num_tokens)
  last = np.take_along_axis(tokens, lengths[..., None] - 1, 2)[..., 0]
  ended = last == END_OF_TEXT
  assert 0 < ended.sum() < ended.size
  wanted = np.where(ended, base.FINISHED, base.TRUNCATED)
  np.testing.assert_array_equal(step.status, wanted)
  assert (lengths[~ended] == 14).all()


def test_a_whole_solution_ends_where_the_step_of_its_answer_does():
  step = _whole_solutions(dataclasses.replace(tiny.FORMAT, whole=True))
  tokens, lengths = np.array(step.content.tokens), np.array(step.num_tokens)
  passed = 0
  for at in np.ndindex(lengths.shape):
    letters = [
      tiny.letter_tokenizer().decode([token])
      for token in tokens[at][: lengths[at]]
    ]
    ends = [
      i for i, letter in enumerate(letters)
      if letter in tiny.STEP_ENDS and set(tiny.ANSWERS) & set(letters[: i + 1])
    ]  # fmt: skip
    last = len(letters) - 1
    finished = tokens[at][last] == END_OF_TEXT or ends == [last]
    assert ends in ([], [last])
    assert step.status[at] == (base.FINISHED if finished else base.TRUNCATED)
    assert finished or len(letters) == 14
    passed += bool(set(tiny.STEP_ENDS) & set(letters[:-1]))
  assert passed > 2
