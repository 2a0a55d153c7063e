"""What is checked of prompts before any search begins."""

import types

import pytest

from inference_scaling.sweep import encoding


def test_a_token_without_a_row_is_named():
  tokenizer = types.SimpleNamespace(convert_ids_to_tokens=lambda ids: ["<PRE>"])
  config = types.SimpleNamespace(vocab_size=50)
  model = types.SimpleNamespace(config=config, tokenizer=tokenizer)
  encoding.check_tokens("policy p", {3: [0, 49]}, model)
  with pytest.raises(ValueError, match=r"problem 3.*<PRE>.*50 rows"):
    encoding.check_tokens("policy p", {3: [0, 50]}, model)
