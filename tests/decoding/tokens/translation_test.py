"""Reward models that read a policy's steps in tokens of their own."""

import codecs
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models, names, search
from inference_scaling.decoding.batching import faults
from inference_scaling.decoding.tokens import automaton
from inference_scaling.models import reward_formats
from inference_scaling.models.layers import hardware
from tests.decoding import tiny
from tests.models import external_models, tokenizers_of
from tests.models import tiny as tiny_models

QUESTIONS = ("What is 2 + 3?", "How many clips are sold in May?", "a 一?")
LIMITS = decoding.Limits(prompt_tokens=160, step_tokens=70, total_tokens=224)
SHAPE = (len(QUESTIONS), tiny.NUM_BEAMS)


def _translator(
  reward_format, tokenizer=None, ends=tuple(tiny.STEP_ENDS), **changes
):
  tokenizer = tokenizer or tiny.letter_tokenizer()
  limits = decoding.Limits(
    **{"prompt_tokens": 160, "step_tokens": 70} | changes
  )
  return decoding.Translator(
    tokenizer, len(tokenizer), reward_format, limits, ends
  )


def _llemma():
  return reward_formats.make_reward_format(
    "llemma", tokenizers_of.sentence_piece()
  )


def _letters(text):
  """Token ids of the letter tokenizer; a space is one, too."""
  ids = {"▁": 3} | {c: i + 4 for i, c in enumerate(tiny.LETTERS)}
  return [ids["▁" if c == " " else c] for c in text]


def _batch(rows):
  """Tokens int32[1, N, C] and lengths int32[1, N] of N steps."""
  tokens = np.zeros((1, len(rows), max(map(len, rows))), np.int32)
  for n, row in enumerate(rows):
    tokens[0, n, : len(row)] = row
  return tokens, np.array([[len(row) for row in rows]], np.int32)


def test_steps_become_text_without_their_ends():
  translator = _translator(_llemma())
  rows = [_letters("a ceb"), _letters("agh"), _letters(" b"), []]
  steps = np.array([[0, 3, 1, 2]], np.int32)
  found = jax.jit(translator)(*_batch(rows), steps, np.zeros_like(steps))
  decode = translator.reward_format.tokenizer.decode
  texts = [
    decode(found.tokens[0, n, : found.lengths[0, n]]) for n in range(len(rows))
  ]
  assert texts == ["Step 1: a ce ки", "\nStep 4: agh ки", "", ""]
  assert found.written.tolist() == [[True, True, False, False]]
  np.testing.assert_array_equal(found.needed, found.lengths)


def test_a_policy_may_write_tag_and_number_itself():
  tokenizer = tokenizers_of.sentence_piece()
  reward_format = _llemma()
  translator = _translator(reward_format, tokenizer, (" ки",))
  text = "\nStep 2: Altogether 48 + 24 = 72 clips. ки"
  tokens, written, rest = translator.translate(
    tokenizer.encode(text, add_special_tokens=False), 1
  )
  assert tokens == reward_format.encode_step(
    1, "Altogether 48 + 24 = 72 clips."
  )
  assert tokens.count(reward_format.tag()) == 1
  assert (written, rest) == (text.removesuffix(" ки").strip(), 0)


def test_a_whole_solution_is_read_without_tags_and_with_its_line_breaks():
  tokenizer = tokenizers_of.sentence_piece()
  reward_format = external_models.make("outcome_chat").reward_format
  translator = _translator(reward_format, tokenizer, (" ки", "\n\n"))
  text = "Step 1: 2 + 3 = 5. ки\nStep 2: so\n\nThe answer is: 5 ки\n\n"
  encoded = tokenizer.encode(text, add_special_tokens=False)
  tokens, written, rest = translator.translate(encoded, 0)
  assert written == "Step 1: 2 + 3 = 5.\nStep 2: so\n\nThe answer is: 5"
  assert tokens == reward_format.encode_step(0, written)
  assert rest == 0
  with pytest.raises(ValueError, match="there is a step 2, but"):
    translator.translate(encoded, 1)


def test_a_character_that_the_end_of_a_step_cuts_is_read_whole():
  tokenizer = tokenizers_of.sentence_piece()
  translator = _translator(_llemma(), tokenizer, ())
  step = _translator(_llemma(), tokenizer, ()).translate
  ids = tokenizer.convert_tokens_to_ids
  for cut in range(1, 4):
    names = [f"<0x{byte:02X}>" for byte in "\U0001f600".encode()]
    first, second = ids(["▁is", *names[:cut]]), ids([*names[cut:], "▁is"])
    _, text, rest = step(first, 0)
    assert text == "is" and 0 < rest < 2**31
    _, text, rest = translator.translate(second, 1, rest)
    assert text == "\U0001f600 is" and rest == 0
  _, text, rest = step(ids(["<0xFF>", "▁is"]), 0)
  assert text == "� is" and rest == 0


def test_a_step_that_is_too_long_is_counted_and_not_read():
  translator = _translator(_llemma(), step_tokens=9)
  rows = [_letters("a"), _letters("acegh"), _letters("acgh hg eca")]
  zeros = np.zeros((1, 3), np.int32)
  found = jax.jit(translator)(*_batch(rows), zeros, zeros)
  needed = found.needed[0].tolist()
  assert needed[0] <= 9 < needed[2] and needed == sorted(needed)
  assert found.lengths[0].tolist() == [n if n <= 9 else 0 for n in needed]
  assert found.written.all()


@functools.cache
def _reward(name):
  model = external_models.make(name)
  tokenizer = tiny.letter_tokenizer()
  translator = decoding.Translator(
    tokenizer,
    len(tokenizer),
    model.reward_format,
    LIMITS,
    tuple(tiny.STEP_ENDS),
  )
  return decoding.ModelReward(model, tiny.LIMITS, tiny.NUM_BEAMS, translator)


def _prompts(name):
  """The policy's prompts, and beside them those of the reward model."""
  reward_format = external_models.make(name).reward_format
  rows = [
    decoding.pad_prompt(
      i, tokens, tiny.LIMITS, reward_format.encode_prompt(q), LIMITS
    )
    for i, (tokens, q) in enumerate(
      zip(tiny.prompts(SHAPE[0]), QUESTIONS, strict=True)
    )
  ]
  return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *rows)


@functools.cache
def _searched():
  """Beams of random steps and forks: the steps, parents and actives."""
  start, extend, fork = tiny.jitted()[:3]
  params = tiny.policy_params(temperature=3.0)
  state, active = start(params, tiny.stack(3)), np.ones(SHAPE, bool)
  rng = np.random.default_rng(0)
  history = []
  for depth in range(4):
    keys = jax.random.split(jax.random.key(10 + depth), SHAPE)
    state, step = extend(params, keys, state, jnp.array(active))
    running = active & (np.array(step.status) == 0)
    parents = np.tile(np.arange(SHAPE[1], dtype=np.int32), (SHAPE[0], 1))
    for p in np.flatnonzero(running.any(axis=1)):
      parents[p] = rng.choice(np.flatnonzero(running[p]), SHAPE[1])
    history.append((step, active, parents))
    state = fork(state, jnp.array(parents))
    active = np.take_along_axis(running, parents, axis=1)
  return history


def _text_of(tokens):
  """What the letters say, without the letter that ends a step."""
  letters = ["", "", "", " ", *tiny.LETTERS, *[""] * 8]
  text = "".join(letters[token] for token in tokens)
  return text.rstrip(tiny.STEP_ENDS).strip()


@functools.partial(jax.jit, static_argnums=0)
def _whole(model, params, tokens):
  return model.token_rewards(params, tokens, tokens > -1)


def _whole_rewards(model, texts):
  """The reward of the last step of (question, steps), from the whole text."""
  rows = [model.reward_format.encode_whole(*text) for text in texts]
  padded = np.zeros((len(rows), 320), np.int32)
  for row, tokens in enumerate(rows):
    padded[row, : len(tokens)] = tokens
  rewards = np.array(_whole(model, model.params, padded))
  return [rewards[i, len(row) - 1] for i, row in enumerate(rows)]


@pytest.mark.parametrize(
  "name",
  [
    "llemma",
    *(
      pytest.param(name, marks=pytest.mark.slow)
      for name in external_models.REWARD_FORMATS
      if name not in ("llemma", *names.OUTCOME_FORMATS)
    ),
  ],
)
def test_rewards_of_a_search_are_those_of_whole_texts(name):
  """The policy writes letters: no tag, no number, no template."""
  reward, model = _reward(name), external_models.make(name)
  start, score, fork = map(jax.jit, (reward.start, reward.score, reward.fork))
  state = start(model.params, _prompts(name))
  steps = [[[] for _ in range(SHAPE[1])] for _ in range(SHAPE[0])]
  found, texts, num_empty = [], [], 0
  for step, active, parents in _searched():
    before = np.array(state.scores)
    state, scores = score(model.params, state, step, jnp.array(active))
    tokens = np.array(step.content.tokens)
    lengths = np.array(step.content.lengths)
    for p, n in zip(*np.nonzero(active), strict=True):
      text = _text_of(tokens[p, n, : lengths[p, n]])
      if text:
        steps[p][n] = [*steps[p][n], text]
        texts.append((QUESTIONS[p], steps[p][n]))
        found.append(scores[p, n])
      else:
        num_empty += 1
        assert scores[p, n] == before[p, n]
    counts = [[len(beam) for beam in row] for row in steps]
    assert state.steps.tolist() == state.num_scored.tolist() == counts
    state = fork(state, jnp.array(parents))
    steps = [[steps[p][n] for n in row] for p, row in enumerate(parents)]
  assert len(found) > 20 and num_empty
  assert max(len(text[1]) for text in texts) >= 3
  assert np.std(found) > 0.01
  assert state.finite.all() and not state.overflow.any()
  np.testing.assert_allclose(found, _whole_rewards(model, texts), atol=2e-5)


def _candidates(finished):
  """Texts of all nodes of a tree with their rewards: (steps, reward)."""
  tree = finished.tree
  nodes, paths = [], [[] for _ in range(tiny.NUM_BEAMS)]
  for depth in range(len(tree.active)):
    for n in np.flatnonzero(tree.active[depth]):
      content = tree.contents
      length = content.lengths[depth, n]
      text = _text_of(content.tokens[depth, n, :length].tolist())
      paths[n] = [*paths[n], text] if text else paths[n]
      nodes.append((paths[n], tree.scores[depth, n]))
    paths = [paths[n] for n in tree.parents[depth]]
  return nodes


def _slots(name, reward, model=None, mesh=None, num_slots=2):
  judge = external_models.make(name)
  problems = [
    decoding.PromptProblem(
      i,
      tiny.prompts(3)[i],
      tuple(judge.reward_format.encode_prompt(QUESTIONS[i])),
    )
    for i in range(len(QUESTIONS))
  ]
  policy = tiny.policy()
  if model is not None:
    policy = decoding.ModelPolicy(
      model, tiny.FORMAT, tiny.LIMITS, tiny.NUM_BEAMS
    )
  weights = (model or tiny.policy_model()).params
  params = decoding.PolicyParams(weights, jnp.float32(3.0))
  return decoding.continuous_batching(
    policy, reward, search.rebase(0.3), params, judge.params, problems, 0,
    num_slots, 3, mesh,
  )  # fmt: skip


@pytest.mark.slow
def test_rebase_on_a_mesh_is_guided_by_rewards_of_whole_texts():
  """Each part of the problems is translated where it lies."""
  mesh = models.make_mesh(4, 2)
  tokenizer = tiny.letter_tokenizer()
  config = tiny.config(vocab_size=24, num_layers=1)
  model, policy = (
    dataclasses.replace(one, hardware=hardware.of_mesh(mesh))
    for one in (
      external_models.make("rlhflow"),
      models.initial_model(config, tokenizer, seed=0),
    )
  )
  translator = decoding.Translator(
    tokenizer, 24, model.reward_format, LIMITS, tuple(tiny.STEP_ENDS), mesh
  )
  reward = decoding.ModelReward(model, tiny.LIMITS, tiny.NUM_BEAMS, translator)
  texts, found = [], []
  for one in _slots("rlhflow", reward, policy, mesh, num_slots=4):
    assert one.reward_counts.decode > one.policy_counts.decode
    for steps, score in _candidates(one):
      if steps:
        texts.append((QUESTIONS[one.problem_id], steps))
        found.append(score)
      else:
        assert score == 0
  assert len(found) > 10
  np.testing.assert_allclose(found, _whole_rewards(model, texts), atol=2e-5)


@pytest.mark.slow
def test_solutions_that_do_not_fit_the_reward_model_are_named():
  model = external_models.make("llemma")
  translator = _translator(model.reward_format, total_tokens=20, step_tokens=19)
  reward = decoding.ModelReward(model, tiny.LIMITS, tiny.NUM_BEAMS, translator)
  message = r"a solution takes \d+ tokens .*own total_tokens is 20\. Raise it"
  with pytest.raises(ValueError, match=rf"problem \d, depth \d: {message}"):
    list(_slots("llemma", reward))


@pytest.mark.parametrize(
  "overflow, scored, error, message",
  [
    ((90, 0), False, ValueError, "a step takes 90 tokens.*step_tokens is 70"),
    ((0, 0), False, AssertionError, "not every step with text"),
  ],
)
def test_what_is_not_scored_is_named(overflow, scored, error, message):
  with pytest.raises(error, match=f"problem 3, depth 1: .*{message}"):
    faults.check_scored(overflow, scored, LIMITS, "problem 3, depth 1")


def test_a_problem_without_a_prompt_for_the_reward_model_is_named():
  problem = decoding.PromptProblem(7, tiny.prompts(1)[0])
  iterator = decoding.continuous_batching(
    tiny.policy(), _reward("llemma"), search.rebase(0.3),
    tiny.policy_params(), external_models.make("llemma").params, [problem], 0,
    2, 3,
  )  # fmt: skip
  with pytest.raises(ValueError, match="problem 7 has no reward_tokens"):
    next(iterator)


def test_a_reward_model_and_its_translator_belong_together():
  model = external_models.make("llemma")
  for translator in (None, _translator(_llemma())):
    with pytest.raises(ValueError, match="expected one and the same object"):
      decoding.ModelReward(model, tiny.LIMITS, 2, translator)


@pytest.mark.slow
def test_a_policy_that_writes_the_tag_searches_in_one_program():
  """Policy and reward model share a tokenizer; the form is another's."""
  tokenizer = tokenizers_of.sentence_piece()
  config = external_models.config("llemma")
  policy_model = tiny_models.make_model(config, seed=8)
  step_format = decoding.StepFormat((" ки", "e"), ("answer",))
  limits = decoding.Limits(prompt_tokens=32, step_tokens=8, total_tokens=20)
  model = external_models.make("math_shepherd")
  policy_model = models.Model(
    config, policy_model.params, tokenizer, policy_model.graph
  )
  policy = decoding.ModelPolicy(policy_model, step_format, limits, 3)
  translator = decoding.Translator(
    tokenizer,
    config.vocab_size,
    model.reward_format,
    LIMITS,
    step_format.step_end,
  )
  reward = decoding.ModelReward(model, limits, 3, translator)
  prompts = [
    decoding.pad_prompt(
      i,
      tokenizer.encode(q),
      limits,
      model.reward_format.encode_prompt(q),
      LIMITS,
    )
    for i, q in enumerate(QUESTIONS)
  ]
  prompts = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *prompts)
  params = decoding.PolicyParams(policy_model.params, jnp.float32(1.0))

  @jax.jit
  def run(params, weights, prompts):
    return search.search(
      policy, reward, search.rebase(0.3), params, weights, prompts,
      jax.random.split(jax.random.key(1), 3), max_depth=3,
    )  # fmt: skip

  state = run(params, model.params, prompts)
  np.testing.assert_array_equal(
    state.reward_state.num_scored, state.reward_state.steps
  )
  assert state.reward_state.steps.max() >= 2
  tree, texts, found = jax.device_get(state.tree), [], []
  data = automaton.token_bytes(tokenizer, config.vocab_size)
  for p, question in enumerate(QUESTIONS):
    for n in range(3):  # first steps, whose texts need no path
      length = tree.contents.lengths[p, 0, n]
      tokens = tree.contents.tokens[p, 0, n, :length]
      decoder = codecs.getincrementaldecoder("utf-8")("replace")
      text = decoder.decode(b"".join(data[token] for token in tokens))
      text = " ".join(text.rsplit("e", 1)).replace(" ки", "")
      if text.strip():
        texts.append((question, [text]))
        found.append(tree.scores[p, 0, n])
  assert len(found) > 4
  np.testing.assert_allclose(found, _whole_rewards(model, texts), atol=2e-5)


def test_a_step_that_was_cut_off_may_be_longer_than_the_limits():
  """Its beam abstains: a sweep must not end for the want of its score."""
  model = external_models.make("llemma")
  translator = _translator(model.reward_format, step_tokens=9)
  reward = decoding.ModelReward(model, tiny.LIMITS, 1, translator)
  limits = translator.limits
  prompt = model.reward_format.encode_prompt(QUESTIONS[0])
  prompts = decoding.pad_prompt(0, prompt, limits, prompt, limits)
  start = jax.jit(reward.start)(model.params, prompts)
  score = jax.jit(reward.score)
  tokens, lengths = _batch([_letters("acgh hg eca")])
  for status, owed in ((search.TRUNCATED, False), (search.RUNNING, True)):
    content = decoding.StepTokens(tokens, lengths, *np.zeros((2, 1, 1)))
    step = search.Step(np.full((1, 1), status, np.int32), lengths, content)
    state, _ = score(model.params, start, step, np.ones((1, 1), bool))
    assert state.num_scored[0, 0] == 0 and state.steps[0, 0] == owed
    assert bool(state.overflow.any()) == owed
