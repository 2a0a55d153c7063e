"""Only templates write control tokens; what others wrote is text."""

import json

import pytest
import tokenizers
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers, processors

from inference_scaling import assets
from inference_scaling.models.text import control_tokens
from inference_scaling.models.text import tokenizer as tokenizer_lib
from tests.models import tiny, tokenizers_of

WORDS = {
  "sentence_piece": tokenizers_of.sentence_piece(),
  "no_prefix": tokenizers_of.sentence_piece(prefix=False),
  "qwen": tokenizers_of.byte_level("qwen"),
  "llama": tokenizers_of.byte_level("llama"),
  "words": tiny.make_tokenizer(40),
  "embedded": tokenizer_lib.read_tokenizer(
    assets.resolve("embedded/policy_small")
  ),
}
TOKENS = [
  (name, token)
  for name, tokenizer in WORDS.items()
  for token in control_tokens.control_tokens(tokenizer)
]


def _shielded(tokenizer, text, **options):
  shielded = control_tokens.shield(tokenizer, text)
  return control_tokens.encode(tokenizer, shielded, **options)


def _control_ids(tokenizer):
  """All but that of unknown letters, which any text may have."""
  names = control_tokens.control_tokens(tokenizer)
  return {*tokenizer.convert_tokens_to_ids(names)} - {tokenizer.unk_token_id}


@pytest.mark.parametrize(("name", "token"), TOKENS)
@pytest.mark.parametrize(
  "text",
  [
    "{}", "What is {} it?", "a{}b", "{}{}", " {} ", "It is {0} or {0}\n{0}",
    "<{}>", "{}|>",
  ],
)  # fmt: skip
def test_a_shielded_token_is_text(name, token, text):
  tokenizer = WORDS[name]
  text = text.format(token, token)
  tokens = _shielded(tokenizer, text)
  assert not set(tokens) & _control_ids(tokenizer)
  if name not in ("words", "embedded"):  # these know few letters
    assert tokenizer.decode(tokens).strip() == text.strip()


@pytest.mark.parametrize(("name", "token"), TOKENS)
def test_tokens_of_a_template_stay(name, token):
  """And what lies between is what it is without the question's."""
  tokenizer = WORDS[name]
  index = tokenizer.convert_tokens_to_ids(token)
  question = control_tokens.shield(tokenizer, f"Is {token} it?")
  tokens = control_tokens.encode(tokenizer, f"{token}{question}{token}")
  assert tokens[0] == tokens[-1] == index
  assert tokens[1:-1] == control_tokens.encode(tokenizer, question)


def test_special_tokens_split_as_transformers_splits_them():
  for name in ("sentence_piece", "no_prefix", "qwen", "llama"):
    tokenizer = WORDS[name]
    for token in control_tokens.control_tokens(tokenizer):
      text = f"What {token}is{token} it, 48 / 2?"
      assert (
        _shielded(tokenizer, text, begin=True)
        == (tokenizer(text, split_special_tokens=True)["input_ids"])
      )


_PIECES = st.sampled_from(
  ["a", " ", "\n", "7", "é", "<", "/s>", "|", "<|", "im_end", "|>", "</s>",
   "<|im_end|>", "<extra_0>", "\U0010fffd", "\U000f0000", "\U000f0003"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
  name=st.sampled_from(["sentence_piece", "qwen", "llama"]),
  pieces=st.lists(_PIECES, max_size=12),
)
def test_any_text_keeps_its_letters(name, pieces):
  tokenizer, text = WORDS[name], "".join(pieces)
  tokens = _shielded(tokenizer, text)
  assert not set(tokens) & _control_ids(tokenizer)
  assert tokenizer.decode(tokens).lstrip(" ") == text.lstrip(" ")


@settings(max_examples=60, deadline=None)
@given(
  name=st.sampled_from(sorted(WORDS)),
  text=st.text(st.sampled_from("aZk7 .<|/>\n\u00e9\u4e00"), max_size=25),
)
def test_ordinary_texts_are_tokenized_as_ever(name, text):
  tokenizer = WORDS[name]
  if not any(x in text for x in control_tokens.control_tokens(tokenizer)):
    assert control_tokens.shield(tokenizer, text) == text
    assert (
      _shielded(tokenizer, text, begin=True) == (tokenizer(text)["input_ids"])
    )
    assert (
      _shielded(tokenizer, text)
      == (tokenizer(text, add_special_tokens=False)["input_ids"])
    )


def _changed(tokenizer, *added):
  core = tokenizers.Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
  core.add_tokens(list(added))
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
  )


def test_tokens_in_brackets_are_control_tokens_and_others_are_words():
  tokenizer = _changed(
    WORDS["sentence_piece"], "<tool_call>", "[INST]", "clips",
    tokenizers.AddedToken("    ", normalized=False),
  )  # fmt: skip
  assert control_tokens.control_tokens(tokenizer) == [
    "<tool_call>", "[INST]", "<unk>", "</s>", "<s>",
  ]  # fmt: skip
  own = tokenizer.convert_tokens_to_ids(["<tool_call>", "[INST]"])
  word, spaces = tokenizer.convert_tokens_to_ids(["clips", "    "])
  text = "Two clips    <tool_call> [INST]"
  assert not set(_shielded(tokenizer, text)) & {*own}
  assert {word, spaces} <= set(_shielded(tokenizer, text))
  assert {*own} <= set(control_tokens.encode(tokenizer, text))


def test_tokens_that_are_added_later_are_seen():
  tokenizer = _changed(WORDS["sentence_piece"])
  assert "<b>" in control_tokens.shield(tokenizer, "<b>")[:3]
  tokenizer.add_tokens(["<b>"])
  (index,) = tokenizer.convert_tokens_to_ids(["<b>"])
  assert index not in _shielded(tokenizer, "a <b> c")
  assert index in control_tokens.encode(tokenizer, "a <b> c")


def test_merges_do_not_make_a_control_token_of_letters():
  """As where a file lists them among the words of its vocabulary."""
  vocabulary = {x: i for i, x in enumerate(["<", "/", "s", ">", "</", "s>"])}
  vocabulary["</s>"] = 6
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      vocabulary, [("<", "/"), ("s", ">"), ("</", "s>")]
    )
  )  # fmt: skip
  tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_object=core, eos_token="</s>"
  )
  assert tokenizer("</s>", split_special_tokens=True)["input_ids"] == [6]
  assert _shielded(tokenizer, "</s>") == [4, 5]
  shielded = control_tokens.shield(tokenizer, "</s>")
  assert control_tokens.encode(tokenizer, f"{shielded}</s>") == [4, 5, 6]


@pytest.mark.parametrize("question", ["How many?", "How </s> many?"])
@pytest.mark.parametrize(
  ("single", "first"),
  [("<s> $A </s>", [1]), ("$A </s>", []), ("<s> $A", [1]),
   ("<s> <s> $A </s> </s>", [1, 1]), ("$A", [])],
)  # fmt: skip
def test_what_a_tokenizer_puts_after_a_text_is_left_out(
  single, first, question
):
  tokenizer = _changed(WORDS["sentence_piece"])
  tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
    single, special_tokens=[("<s>", 1), ("</s>", 2)]
  )
  bare = _shielded(tokenizer, question)
  assert 2 not in bare
  assert _shielded(tokenizer, question, begin=True) == first + bare


def test_an_end_that_was_written_is_kept():
  tokenizer = WORDS["sentence_piece"]
  assert control_tokens.encode(tokenizer, "It is.</s>", begin=True)[-1] == 2


def test_older_files_write_merges_as_one_text():
  raw = json.loads(WORDS["sentence_piece"].backend_tokenizer.to_str())
  assert all(isinstance(pair, list) for pair in raw["model"]["merges"])
  assert control_tokens._pair("a b") == ["a", "b"]
  assert control_tokens._pair(["a", "b"]) == ["a", "b"]


def test_a_tokenizer_without_control_tokens():
  core = tokenizers.Tokenizer(
    tokenizers.models.WordLevel({"a": 0, "b": 1}, "a")
  )
  core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
  tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core)
  assert control_tokens.control_tokens(tokenizer) == []
  assert _shielded(tokenizer, "a b") == [0, 1]
  assert _shielded(tokenizer, "b \U0010fffd b") == [1, 0, 1]
