"""Tokenizers of the kind of GPT-2: a text is split, then bytes are merged."""

from collections.abc import Mapping
from typing import NamedTuple

import tokenizers
from tokenizers import decoders, normalizers, pre_tokenizers

from inference_scaling.models.sources.gguf.text import (
  vocabulary as vocabulary_lib,
)


class Split(NamedTuple):
  """How a text is split into words, and what goes with it.

  Attributes:
    patterns: regular expressions, one after the other.
    whole_words: whether a word that is a token is looked up before merging.
    begins: whether a text begins with a mark where the file does not say.
    composes: whether letters and their accents become one first (NFC).
  """

  patterns: tuple[str, ...]
  whole_words: bool = False
  begins: bool = False
  composes: bool = False


_GPT2 = (
  r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
  r"|\s+(?!\S)|\s+"
)
_LLAMA3 = (
  r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
  r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
# Words end where a capital follows a small letter.
_CAPITALS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_SMALL = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = (
  rf"[^\r\n\p{{L}}\p{{N}}]?{_CAPITALS}*{_SMALL}+ENDING"
  rf"|[^\r\n\p{{L}}\p{{N}}]?{_CAPITALS}+{_SMALL}*ENDING"
  r"|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_TEKKEN = _CASED.replace("ENDING", "").replace("DIGITS", r"\p{N}")
_GPT4O = _CASED.replace("ENDING", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?").replace(
  "DIGITS", r"\p{N}{1,3}"
)
_OF_LLAMA3 = Split((_LLAMA3,), whole_words=True, begins=True)
_DIGITS_APART = Split((r"\p{N}", _GPT2))
# By the name that `tokenizer.ggml.pre` gives it.
SPLITS: Mapping[str, Split] = {
  "dbrx": Split((_LLAMA3,)),  # OLMo 2 and Phi-4
  "deepseek-r1-qwen": Split((_QWEN2,)),
  "default": Split((_GPT2,)),
  "gpt-2": Split((_GPT2,)),
  "gpt-4o": Split((_GPT4O,)),  # Phi-4-mini
  "llama-bpe": _OF_LLAMA3,
  "llama-v3": _OF_LLAMA3,
  "llama3": _OF_LLAMA3,
  "olmo": Split((_GPT2,)),
  "phi-2": Split((_GPT2,)),
  "qwen2": Split((_QWEN2,), composes=True),
  "refact": _DIGITS_APART,
  "smaug-bpe": Split((_LLAMA3,)),
  "smollm": _DIGITS_APART,
  "starcoder": _DIGITS_APART,
  "stablelm2": Split((_QWEN2,)),
  "tekken": Split((_TEKKEN,), whole_words=True, begins=True),  # Mistral Nemo
}


def build(
  vocabulary: vocabulary_lib.Vocabulary, split: str
) -> tokenizers.Tokenizer:
  """Builds a tokenizer without its marks.

  Args:
    vocabulary: of the kind "gpt2".
    split: a key of `SPLITS`.

  Returns:
    The tokenizer.
  """
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      vocab={token: index for index, token in enumerate(vocabulary.tokens)},
      merges=vocabulary.merges,
      ignore_merges=SPLITS[split].whole_words,
    )
  )
  splits = [
    pre_tokenizers.Split(tokenizers.Regex(regex), behavior="isolated")
    for regex in SPLITS[split].patterns
  ]
  core.pre_tokenizer = pre_tokenizers.Sequence(
    [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
  )
  if SPLITS[split].composes:
    core.normalizer = normalizers.NFC()
  core.decoder = decoders.ByteLevel()
  return core
