"""Tokenizers of GGUF files: each key is honoured or refused by name."""

import pytest
from absl import logging

from inference_scaling import models
from inference_scaling.models import sources
from inference_scaling.models.sources.gguf import config
from tests.models import gguf_files

KEY = "tokenizer.ggml."
NONE = 4294967295  # -1 of a converter
BYTES = {
  "model": "gpt2", "pre": "gpt-2", "merges": ["a b", "Ġ ab"],
  "tokens": ["<unk>", "<s>", "</s>", "a", "b", "ab", "Ġ", "Ġab", "1", "<x>"],
  "token_type": [2, 3, 3, 1, 1, 1, 1, 1, 1, 5],
  "bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0,
}  # fmt: skip
PIECES = {
  "model": "llama",
  "tokens": ["<unk>", "<s>", "</s>", "<0x21>", "a", "b", "ab", "▁", "▁ab", "c",
             "<", "s>", "cc", "bc"],
  "token_type": [2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 5, 4],
  "scores": [0.0, 0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0,
             -8.0, -9.0, -10.0],
  "bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0,
}  # fmt: skip


def _build(base, **changes):
  merged = base | changes
  metadata = {
    KEY + key: value for key, value in merged.items() if value is not None
  }
  return sources.gguf_tokenizer(metadata, "here.gguf")


def _ids(base, text, **changes):
  return _build(base, **changes)(text)["input_ids"]


@pytest.mark.parametrize(
  "base,changes,text,ids",
  [
    (BYTES, {}, "ab ab", [5, 7]),
    (BYTES, {"add_bos_token": True}, "ab ab", [1, 5, 7]),
    (BYTES, {"add_eos_token": True}, "ab ab", [5, 7, 2]),
    (BYTES, {"merges": ["a b"]}, "ab ab", [5, 6, 5]),
    (BYTES, {"pre": "llama-bpe"}, "ab ab", [1, 5, 7]),
    (BYTES, {"pre": "llama-bpe", "add_bos_token": False}, "ab", [5]),
    (BYTES, {"token_type": [2, 3, 3, 1, 1, 1, 1, 1, 1, 4]}, "a<x>", [3, 9]),
    (PIECES, {}, "ab", [1, 8]),
    (PIECES, {"add_bos_token": False}, "ab", [8]),
    (PIECES, {"add_eos_token": True}, "ab", [1, 8, 2]),
    (PIECES, {"add_space_prefix": False}, "ab", [1, 6]),
    (PIECES, {"pre": "default"}, "ab", [1, 8]),
    # A byte that is no token, and one that is not in use.
    (PIECES, {"add_space_prefix": False}, "a!", [1, 4, 3]),
    (PIECES, {"add_space_prefix": False}, "cc", [1, 9, 9]),
    (PIECES, {"add_space_prefix": False, "token_type": [2, 3, 3, 6] + [1] * 10},
     "cc", [1, 12]),
    (PIECES, {"add_space_prefix": False}, "abc", [1, 4, 13]),  # user-defined
    (PIECES, {"add_space_prefix": False,
              "scores": [0.0] * 4 + [-1.0] * 8 + [5.0, -1.0]}, "ab", [1, 6]),
  ],
)  # fmt: skip
def test_keys_that_are_read(base, changes, text, ids):
  assert _ids(base, text, **changes) == ids


def test_order_of_scores_decides():
  """The better score merges first: aab is a|ab or aa|b."""
  tokens = ["<unk>", "<s>", "</s>", "a", "b", "aa", "ab"]
  base = PIECES | {
    "tokens": tokens, "token_type": [2, 3, 3, 1, 1, 1, 1],
    "add_space_prefix": False,
  }  # fmt: skip
  first = _ids(base, "aab", scores=[0.0, 0.0, 0.0, -1.0, -1.0, -2.0, -3.0])
  assert first == [1, 5, 4]
  first = _ids(base, "aab", scores=[0.0, 0.0, 0.0, -1.0, -1.0, -3.0, -2.0])
  assert first == [1, 3, 6]


def test_no_text_is_merged_into_a_mark():
  tokenizer = _build(
    PIECES,
    tokens=["<unk>", "<s>", "</s>", "<", "s", ">", "s>"],
    token_type=[2, 3, 3, 1, 1, 1, 1],
    scores=[0.0] * 7,
    add_space_prefix=False,
  )
  assert tokenizer("<s>")["input_ids"] == [1, 1]
  ordinary = tokenizer("<s>", split_special_tokens=True)
  assert ordinary["input_ids"] == [1, 3, 6]


@pytest.mark.parametrize(
  "base,changes",
  [
    (BYTES, {"model": "bert"}),
    (BYTES, {"model": "t5"}),
    (BYTES, {"pre": "poro-chat"}),
    (BYTES, {"pre": 5}),
    (BYTES, {"add_space_prefix": True}),
    (BYTES, {"add_bos_token": "yes"}),
    (BYTES, {"add_bos_token": 1}),
    (BYTES, {"add_eos_token": 0.0}),
    (BYTES, {"add_sep_token": True}),
    (BYTES, {"remove_extra_whitespaces": True}),
    (BYTES, {"precompiled_charsmap": [1, 2]}),
    (BYTES, {"no_such_key": 1}),
    (BYTES, {"token_type_count": 2}),
    (BYTES, {"tokens": [1, 2, 3]}),
    (BYTES, {"token_type": [1, 1]}),
    (BYTES, {"token_type": ["1"] * 10}),
    (BYTES, {"token_type": [9] * 10}),
    (BYTES, {"merges": None}),
    (BYTES, {"merges": [1, 2]}),
    (BYTES, {"merges": ["a z"]}),
    (BYTES, {"merges": ["z a"]}),
    (BYTES, {"merges": ["b a"]}),
    (BYTES, {"merges": ["ab"]}),
    (BYTES, {"merges": ["a b", "a b ab"]}),
    (BYTES, {"bos_token_id": "one"}),
    (BYTES, {"eos_token_id": 2.0}),
    (PIECES, {"scores": None}),
    (PIECES, {"scores": [0.0] * 3}),
    (PIECES, {"scores": ["0"] * 14}),
    (PIECES, {"pre": "llama-bpe"}),
    (PIECES, {"remove_extra_whitespaces": True}),
    (PIECES, {"add_space_prefix": "no"}),
  ],
)
def test_keys_that_are_refused(base, changes):
  with pytest.raises(ValueError) as caught:
    _build(base, **changes)
  message = str(caught.value)
  assert (
    message.startswith("here.gguf") and KEY + next(iter(changes)) in message
  )


def test_mark_that_is_wanted_and_not_named():
  with pytest.raises(ValueError, match=r"add_bos_token is True, but .*bos_tok"):
    _build(BYTES, bos_token_id=None, add_bos_token=True)


@pytest.mark.parametrize(
  "changes",
  [
    {"add_sep_token": False}, {"remove_extra_whitespaces": False},
    {"mask_token_id": 3}, {"fim_pre_token_id": 4}, {"cls_token_id": NONE},
    {"seperator_token_id": 2}, {"add_space_prefix": False},
    {"precompiled_charsmap": []},
  ],
)  # fmt: skip
def test_keys_that_change_nothing(changes):
  plain = _build(BYTES).backend_tokenizer.to_str()
  assert _build(BYTES, **changes).backend_tokenizer.to_str() == plain


@pytest.fixture
def warned(monkeypatch):
  """What is logged as a warning."""
  lines = []
  monkeypatch.setattr(
    logging, "warning", lambda text, *values: lines.append(text % values)
  )
  return lines


@pytest.mark.parametrize("index", [NONE, 50, -1])
@pytest.mark.parametrize("name", ["bos", "eos", "eot", "padding"])
def test_id_beyond_the_tokens_is_left_out(name, index, tmp_path, warned):
  key, path = f"{KEY}{name}_token_id", tmp_path / "model.gguf"

  def change(writer):
    writer.kv_data[0].pop(key, None)
    writer.add_int64(key, index)

  gguf_files.save(path, gguf_files.LLAMA, change)
  model = models.load_model(path)
  assert model.config.bos_token_id == (None if name == "bos" else 1)
  assert model.config.eos_token_ids == (() if name == "eos" else (2,))
  assert model.tokenizer("#")["input_ids"] == ([5] if name == "bos" else [1, 5])
  assert all(f"{key} is {index}" in line for line in warned) and warned
  assert all(str(path) in line for line in warned)


def test_ends_of_turn_and_of_message_are_ends():
  ends = BYTES | {"eot_token_id": 3, "eom_token_id": 4}
  metadata = {KEY + key: value for key, value in ends.items()}
  assert config._ends_of_text(metadata) == [2, 3, 4]


def test_missing_split_is_said_aloud(warned):
  assert _ids(BYTES, "ab ab", pre=None) == [5, 7]
  assert len(warned) == 1
  assert "here.gguf: tokenizer.ggml.pre is missing" in warned[0]
  assert "GPT-2" in warned[0] and "WRONG" in warned[0]
  warned.clear()
  _build(BYTES)
  _build(PIECES)  # splits no text
  assert not warned
