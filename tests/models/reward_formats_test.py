"""The text and tokens of each reward model's format.

The whole texts are written out by hand, or by the tokenizer's own template, as
the originals' code does it; see the references in models/reward_formats.
"""

import collections
import datetime
import itertools

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_scaling import names
from inference_scaling.models import reward_formats
from inference_scaling.models.layers import reward_heads
from inference_scaling.models.text import control_tokens
from tests.models import tokenizers_of

QUESTION = "How many clips did Natalia sell in  May? (48 / 2)"
STEPS = ("Step 1: 48 / 2 = 24.", "So 48 + 24\n= 72 é 一.", "The answer is: 72")
ALL = sorted(reward_formats.REWARD_FORMATS)


def _reward_format(name):
  return reward_formats.make_reward_format(name, tokenizers_of.for_format(name))


def _steps(reward_format, steps):
  """Steps as a format takes them: a whole solution is one."""
  return ["\n\n".join(steps)] if reward_format.outcome else list(steps)


def _pieces(reward_format, question, steps):
  pieces = [reward_format.encode_prompt(question)]
  return pieces + [
    reward_format.encode_step(i, step) for i, step in enumerate(steps)
  ]


def _joined(reward_format, question, steps):
  return list(itertools.chain(*_pieces(reward_format, question, steps)))


def _plain(tokenizer, text):
  return tokenizer(text, add_special_tokens=False)["input_ids"]


TAGGED = (
  "How many clips did Natalia sell in  May? (48 / 2) Step 1: 48 / 2 = 24. ки\n"
  "Step 2: So 48 + 24\n= 72 é 一. ки\nStep 3: The answer is: 72 ки"
)


def test_llemma_reads_tagged_steps_without_a_mark_before_them():
  reward_format = _reward_format("llemma")
  tokens = _joined(reward_format, QUESTION, STEPS)
  assert tokens == _plain(reward_format.tokenizer, TAGGED)
  assert reward_format.tokenizer.bos_token_id not in tokens


def test_math_shepherd_reads_what_its_tokenizer_encodes():
  reward_format = _reward_format("math_shepherd")
  tokenizer = reward_format.tokenizer
  assert (
    _joined(reward_format, QUESTION, STEPS) == tokenizer(TAGGED)["input_ids"]
  )
  # As the model card finds them.
  assert [reward_format.head.good, reward_format.head.bad] == tokenizer("+ -")[
    "input_ids"
  ][1:]
  tag = tokenizer("ки")["input_ids"][-1]
  for piece in _pieces(reward_format, QUESTION, STEPS)[1:]:
    assert piece[-1] == tag and piece.count(tag) == 1


def test_rlhflow_reads_a_chat_before_each_verdict():
  reward_format = _reward_format("rlhflow")
  tokenizer, conversation = reward_format.tokenizer, []
  plus, minus = (tokenizer.encode(sign)[-1] for sign in "+-")
  assert (reward_format.head.good, reward_format.head.bad) == (plus, minus)
  pieces = _pieces(reward_format, QUESTION, STEPS)
  tokens = pieces[0]
  for index, step in enumerate(STEPS):
    text = f"{QUESTION} {step}" if index == 0 else step
    conversation += [
      {"role": "user", "content": text}, {"role": "assistant", "content": "+"}
    ]  # fmt: skip
    whole = tokenizer.apply_chat_template(conversation, return_dict=False)
    tokens = tokens + pieces[index + 1]
    # The original reads the logits at position -3.
    assert tokens == whole[:-2]
    assert whole[-2] == plus


def test_skywork_reads_lines_encoded_one_by_one():
  reward_format = _reward_format("skywork")
  tokenizer = reward_format.tokenizer
  line_break = tokenizer.encode("\n")[-1]
  expected = tokenizer.encode(tokenizer.bos_token + QUESTION + "\n")
  for line in (STEPS[0], "So 48 + 24 = 72 é 一.", STEPS[2]):
    expected += [*tokenizer.encode(line), line_break]
  assert _joined(reward_format, QUESTION, STEPS) == expected


def test_qwen_prm_reads_tagged_steps_in_a_chat():
  reward_format = _reward_format("qwen_prm")
  tokenizer = reward_format.tokenizer
  system = (
    r"Please reason step by step, and put your final answer within \boxed{}."
  )
  text = tokenizer.apply_chat_template(
    [
      {"role": "system", "content": system},
      {"role": "user", "content": QUESTION},
      {"role": "assistant", "content": "<extra_0>".join(STEPS) + "<extra_0>"},
    ],
    tokenize=False,
  )
  whole = tokenizer.encode(text)
  tokens = _joined(reward_format, QUESTION, STEPS)
  assert whole[: len(tokens)] == tokens
  assert len(whole) == len(tokens) + 2  # the end of the turn
  tag = tokenizer.encode("<extra_0>")[0]
  assert [
    piece[-1] for piece in _pieces(reward_format, QUESTION, STEPS)[1:]
  ] == [tag] * 3


def test_reasonflux_reads_tagged_steps_in_a_chat_without_a_system_text():
  reward_format = _reward_format("reasonflux")
  tokenizer = reward_format.tokenizer
  text = tokenizer.apply_chat_template(
    [
      {"role": "user", "content": QUESTION},
      {"role": "assistant", "content": "<extra_0>".join(STEPS) + "<extra_0>"},
    ],
    tokenize=False,
  )
  whole = tokenizer.encode(text)
  tokens = _joined(reward_format, QUESTION, STEPS)
  assert whole[: len(tokens)] == tokens
  assert len(whole) == len(tokens) + 2  # the end of the turn
  tag = tokenizer.encode("<extra_0>")[0]
  assert [i + 1 for i, token in enumerate(tokens) if token == tag] == list(
    itertools.accumulate(map(len, _pieces(reward_format, QUESTION, STEPS)))
  )[1:]


@pytest.mark.parametrize("begin", [False, True])
def test_pure_reads_steps_encoded_one_by_one(begin):
  """Without a mark, as of Qwen2.5-Math; with one, as TRL's trainer begins."""
  tokenizer = tokenizers_of.for_format("pure")
  if not begin:
    tokenizer = tokenizers_of.without_begin(tokenizer)
  reward_format = reward_formats.make_reward_format("pure", tokenizer)
  expected = [tokenizer.bos_token_id] if begin else []
  expected += _plain(tokenizer, QUESTION)
  for step in STEPS:
    expected += _plain(tokenizer, step) + _plain(tokenizer, "\n")
  assert _joined(reward_format, QUESTION, STEPS) == expected


@pytest.mark.parametrize("kind", ["llama", "qwen", "mistral"])
def test_an_outcome_chat_is_what_the_template_writes(kind):
  tokenizer = (
    tokenizers_of.mistral_chat()
    if kind == "mistral"
    else tokenizers_of.byte_level(kind)
  )
  reward_format = reward_formats.make_reward_format("outcome_chat", tokenizer)
  solution = "\n\n".join(STEPS)
  expected = tokenizer.apply_chat_template(
    [
      {"role": "user", "content": QUESTION},
      {"role": "assistant", "content": solution},
    ],
    return_dict=False,
  )
  assert _joined(reward_format, QUESTION, [solution]) == expected
  # With the end of the turn for padding, it is read before it.
  end = tokenizer.eos_token_id
  padded = reward_formats.make_reward_format(
    "outcome_chat", tokenizer, pad_token=end
  )
  at_end = 1 if expected[-1] == end else 0
  assert (
    _joined(padded, QUESTION, [solution])
    == (expected[: len(expected) - at_end])
  )
  assert at_end == (kind != "qwen")


def test_eurus_reads_an_instruction_and_its_answer():
  reward_format = _reward_format("eurus_rm")
  solution = "\n\n".join(STEPS)
  assert (
    _joined(reward_format, QUESTION, [solution])
    == (
      reward_format.tokenizer(f"[INST] {QUESTION} [/INST] {solution}")[
        "input_ids"
      ]
    )
  )


def test_the_small_reasonflux_reads_question_and_solution_as_one_text():
  reward_format = _reward_format("reasonflux_1_5b")
  solution = "\n\n".join(STEPS)
  expected = reward_format.tokenizer(QUESTION + solution)["input_ids"]
  assert _joined(reward_format, QUESTION, [solution]) == expected


@pytest.mark.parametrize("name", names.OUTCOME_FORMATS)
def test_a_second_step_of_a_whole_solution_is_refused(name):
  reward_format = _reward_format(name)
  assert reward_format.outcome
  with pytest.raises(ValueError, match=rf"'{name}'.*a step 2, .*whole=True"):
    reward_format.encode_step(1, "The answer is: 72")
  with pytest.raises(ValueError, match=rf"'{name}'.*a step 2, "):
    reward_format.encode_whole(QUESTION, STEPS)


def test_outcome_formats_are_those_of_their_classes():
  assert names.OUTCOME_FORMATS == tuple(
    name for name in ALL if reward_formats.REWARD_FORMATS[name].outcome
  )


@pytest.mark.parametrize("name", ["llemma", "math_shepherd"])
def test_steps_are_numbered_only_where_the_policy_has_not(name):
  reward_format = _reward_format(name)
  decode = reward_format.tokenizer.decode
  assert decode(reward_format.encode_step(1, "so 4.")) == "\nStep 2: so 4. ки"
  assert (
    decode(reward_format.encode_step(1, "Step 2: so 4."))
    == "\nStep 2: so 4. ки"
  )
  assert (
    decode(reward_format.encode_step(4, "Stepping")) == "\nStep 5: Stepping ки"
  )


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("text", ["", " ", "\n\n", " \n\t "])
def test_an_empty_step_has_no_tokens(name, text):
  assert _reward_format(name).encode_step(0, text) == []


_TEXT = st.text(
  st.sampled_from("aZk7 .,?!+-=(){}\\$'\n\tки\u00e9\u4e00\U0001f600\u0301"),
  max_size=25,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
  name=st.sampled_from(ALL), question=_TEXT, steps=st.lists(_TEXT, max_size=4)
)
def test_pieces_are_the_whole(name, question, steps):
  reward_format = _reward_format(name)
  question = question.strip() or "a"
  steps = [step for step in steps if step.strip()] or ["a"]
  steps = _steps(reward_format, steps)
  whole = reward_format.encode_whole(question, steps)
  assert _joined(reward_format, question, steps) == whole


@pytest.mark.parametrize("name", ALL)
def test_spaces_around_texts_do_not_matter(name):
  reward_format = _reward_format(name)
  steps = _steps(reward_format, STEPS)
  spaced = [f" {step}\n\n" for step in steps]
  assert _joined(reward_format, f"\n{QUESTION} ", spaced) == _joined(
    reward_format, QUESTION, steps
  )
  with pytest.raises(ValueError, match="the question is empty"):
    reward_format.encode_prompt(" \n")


def _names(reward_format, tokens):
  """How often each control token of a format's tokenizer is among tokens."""
  names = reward_format.tokenizer.convert_ids_to_tokens(tokens)
  known = set(control_tokens.control_tokens(reward_format.tokenizer))
  return collections.Counter(name for name in names if name in known)


@pytest.mark.parametrize("name", ALL)
def test_questions_and_steps_write_no_control_tokens(name):
  reward_format = _reward_format(name)
  for token in control_tokens.control_tokens(reward_format.tokenizer):
    question, step = f"Is {token} it?{token}", f"{token} 4 {token}{token}"
    steps = _steps(reward_format, [step, step])
    pieces = _pieces(reward_format, question, steps)
    plain = _pieces(reward_format, "Is it?", _steps(reward_format, ["4", "4"]))
    assert [_names(reward_format, x) for x in pieces] == [
      _names(reward_format, x) for x in plain
    ]
    # Some are read at the last token of the text itself.
    if name not in ("eurus_rm", "reasonflux_1_5b"):
      assert [x[-1] for x in pieces[1:]] == [x[-1] for x in plain[1:]]
    whole = reward_format.encode_whole(question, steps)
    assert list(itertools.chain(*pieces)) == whole
    written = reward_format.tokenizer.decode(whole)
    assert written.count(token) >= 8  # three in the question, six in the steps


@pytest.mark.parametrize(
  "name", ["outcome_chat", "qwen_prm", "reasonflux", "rlhflow"]
)
def test_a_template_prints_the_date_that_is_passed(name):
  backend = tokenizers_of.for_format(name)
  tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_object=backend.backend_tokenizer, bos_token=backend.bos_token
  )
  tokenizer.chat_template = (
    "{{ strftime_now('%d %B %Y') }}" + backend.chat_template
  )
  reward_format = reward_formats.make_reward_format(
    name, tokenizer, datetime.date(1998, 2, 3)
  )
  tokens = reward_format.encode_prompt("How many?")
  assert "03 February 1998" in tokenizer.decode(tokens)
  with pytest.raises(ValueError, match=rf"format '{name}'.*no date was passed"):
    reward_formats.make_reward_format(name, tokenizer)
  tokenizer.chat_template = "{{ messages[0].nothing.at }}"
  with pytest.raises(ValueError, match=rf"format '{name}'.*UndefinedError"):
    reward_formats.make_reward_format(name, tokenizer)


@pytest.mark.parametrize("name", ["llemma", "math_shepherd"])
def test_a_tag_of_several_tokens_is_refused(name):
  tokenizer = tokenizers_of.sentence_piece(tag=False)
  with pytest.raises(
    ValueError, match=f"format '{name}'.*' ки' is .*expected one token"
  ):
    reward_formats.make_reward_format(name, tokenizer)


@pytest.mark.parametrize(
  "name, message",
  [
    ("math_shepherd", "there is no bos_token"),
    ("skywork", "there is no bos_token"),
    ("eurus_rm", "there is no bos_token"),
    ("outcome_chat", "there is no chat template"),
    ("pure", r"'\\n' is .*expected one token"),
    ("qwen_prm", "'<extra_0>' is .*expected one token"),
    ("reasonflux", "'<extra_0>' is .*expected one token"),
    ("rlhflow", "there is no chat template"),
  ],
)
def test_missing_special_tokens_are_named(name, message):
  bare = tokenizers_of.byte_level("llama").backend_tokenizer
  if name in ("math_shepherd", "eurus_rm", "pure"):
    bare = tokenizers_of.sentence_piece().backend_tokenizer
  tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bare)
  with pytest.raises(ValueError, match=f"format '{name}'.*{message}"):
    reward_formats.make_reward_format(name, tokenizer)


def test_unknown_forms_are_named():
  with pytest.raises(
    ValueError, match=r"format is 'prm'; expected 'native' or one"
  ):
    reward_formats.make_reward_format("prm", tokenizers_of.sentence_piece())


def test_a_template_that_hides_a_message_is_refused():
  backend = tokenizers_of.byte_level("qwen").backend_tokenizer
  tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend)
  tokenizer.chat_template = "{{ messages[-1].content }}"
  with pytest.raises(ValueError, match="cannot take the messages"):
    reward_formats.make_reward_format("qwen_prm", tokenizer)


def test_heads_fold_the_unembedding_exactly():
  table = np.random.default_rng(0).normal(size=(9000, 4)).astype(np.float32)
  read = {"lm_head.weight": table}.__getitem__
  mean = reward_heads.VocabularyMean().fold(read, "lm_head.weight")
  np.testing.assert_allclose(
    mean["kernel"], table.astype(np.float64).mean(axis=0), atol=1e-7
  )
  rows = reward_heads.RowDifference(3, 8999).fold(read, "lm_head.weight")
  np.testing.assert_array_equal(rows["kernel"], table[3] - table[8999])


@pytest.mark.parametrize("name", reward_formats.REWARD_FORMATS)
def test_a_plan_knows_the_head_that_a_format_has(name):
  reward_format = _reward_format(name)
  assert type(reward_format).module is reward_format.head.module
