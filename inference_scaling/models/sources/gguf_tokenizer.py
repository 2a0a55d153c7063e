"""The tokenizer that the metadata of a GGUF file describes."""

from collections.abc import Mapping
from typing import Any

import tokenizers
import transformers
from tokenizers import decoders, normalizers, pre_tokenizers, processors

_KEY = "tokenizer.ggml."
_CONTROL, _USER_DEFINED = 3, 4  # types of tokens
_NAMES = {
  "bos_token": "bos_token_id",
  "eos_token": "eos_token_id",
  "unk_token": "unknown_token_id",
  "pad_token": "padding_token_id",
}
# What each kind of tokenizer needs beside its tokens.
_RULES = {"gpt2": "merges", "llama": "scores"}

# How a text is split into words, before the words are split into tokens, by
# the name that `tokenizer.ggml.pre` gives it.
_GPT2 = (
  r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
  r"|\s+(?!\S)|\s+"
)
_LLAMA3 = (
  r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
  r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_SPLITS = {
  "default": (_GPT2,),
  "gpt-2": (_GPT2,),
  "smollm": (r"\p{N}", _GPT2),
  "llama-bpe": (_LLAMA3,),
  "llama3": (_LLAMA3,),
  "llama-v3": (_LLAMA3,),
  "qwen2": (_QWEN2,),
  "deepseek-r1-qwen": (_QWEN2,),
}


def build(
  metadata: Mapping[str, Any], where: str
) -> transformers.PreTrainedTokenizerFast:
  """Builds the tokenizer of a GGUF file.

  Args:
    metadata: of the file.
    where: the file, for errors.

  Returns:
    The tokenizer, with the file's chat template.

  Raises:
    ValueError: where the file has no tokenizer or one of an unknown kind.
  """
  kind = metadata.get(f"{_KEY}model")
  builders = {"gpt2": _byte_level, "llama": _sentencepiece}
  tokens = metadata.get(f"{_KEY}tokens")
  if kind not in builders or not tokens:
    raise ValueError(
      f"{where}: {_KEY}model is {kind!r}; expected one of "
      f"{', '.join(sorted(builders))}, with its tokens. Load the folder in "
      "Hugging Face format."
    )
  rules = _KEY + _RULES[kind]
  if rules not in metadata:
    raise ValueError(
      f"{where}: {rules} is missing, without which there is no tokenizer of "
      f"the kind {kind!r}. Load the folder in Hugging Face format."
    )
  core = builders[kind](metadata, tokens, where)
  types = metadata.get(f"{_KEY}token_type") or [1] * len(tokens)
  marked = [
    tokenizers.AddedToken(
      token, normalized=False, special=token_type == _CONTROL
    )
    for token, token_type in zip(tokens, types, strict=True)
    if token_type in (_CONTROL, _USER_DEFINED)
  ]
  core.add_tokens(marked)
  named = {
    name: tokens[metadata[_KEY + key]]
    for name, key in _NAMES.items()
    if _KEY + key in metadata
  }
  _add_ends(core, metadata, kind, named)
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=core,
    chat_template=metadata.get("tokenizer.chat_template"),
    clean_up_tokenization_spaces=False,
    **named,
  )


def _byte_level(metadata, tokens, where) -> tokenizers.Tokenizer:
  """The kind of GPT-2: merges of bytes."""
  name = metadata.get(f"{_KEY}pre", "default")
  if name not in _SPLITS:
    raise ValueError(
      f"{where}: {_KEY}pre is {name!r}, an unknown way to split words; "
      f"expected one of {', '.join(sorted(_SPLITS))}. Load the folder in "
      "Hugging Face format."
    )
  merges = [tuple(pair.split(" ")) for pair in metadata[f"{_KEY}merges"]]
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      vocab={token: index for index, token in enumerate(tokens)},
      merges=merges,
      # Llama 3 looks whole words up before it merges.
      ignore_merges=_SPLITS[name] == (_LLAMA3,),
    )
  )
  splits = [
    pre_tokenizers.Split(tokenizers.Regex(regex), behavior="isolated")
    for regex in _SPLITS[name]
  ]
  core.pre_tokenizer = pre_tokenizers.Sequence(
    [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
  )
  core.decoder = decoders.ByteLevel()
  return core


def _sentencepiece(metadata, tokens, where) -> tokenizers.Tokenizer:
  """The kind of Llama 2 and Mistral: merges of characters, best score first."""
  del where
  scores = metadata[f"{_KEY}scores"]
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      vocab={token: index for index, token in enumerate(tokens)},
      merges=_merges(tokens, scores),
      unk_token=tokens[metadata.get(f"{_KEY}unknown_token_id", 0)],
      fuse_unk=True,
      byte_fallback=True,
    )
  )
  prefix = metadata.get(f"{_KEY}add_space_prefix", True)
  steps = [normalizers.Prepend("▁")] if prefix else []
  steps.append(normalizers.Replace(" ", "▁"))
  core.normalizer = normalizers.Sequence(steps)
  core.decoder = decoders.Sequence(
    [
      decoders.Replace("▁", " "),
      decoders.ByteFallback(),
      decoders.Fuse(),
      *([decoders.Strip(content=" ", left=1)] if prefix else []),
    ]
  )
  return core


def _merges(tokens: list[str], scores: list[float]) -> list[tuple[str, str]]:
  """Lists the pairs that make a token, as sentencepiece would merge them."""
  indices = {token: index for index, token in enumerate(tokens)}
  merges = []
  for index, token in enumerate(tokens):
    pairs = [
      (indices[token[:cut]], indices[token[cut:]])
      for cut in range(1, len(token))
      if token[:cut] in indices and token[cut:] in indices
    ]
    merges += [(-scores[index], index, *pair) for pair in sorted(pairs)]
  merges.sort(key=lambda merge: merge[0])  # stable: keeps the order of tokens
  return [(tokens[left], tokens[right]) for _, _, left, right in merges]


def _add_ends(core, metadata, kind, named) -> None:
  """Adds the marks that the file wants around a text."""
  # Files of Llama 2 may not say it; llama.cpp then begins with the mark.
  # llama.cpp's defaults, for files that do not say it.
  llama3 = _SPLITS.get(metadata.get(f"{_KEY}pre")) == (_LLAMA3,)
  begin = metadata.get(f"{_KEY}add_bos_token", kind == "llama" or llama3)
  end = metadata.get(f"{_KEY}add_eos_token", False)
  marks = [
    named[name]
    for name, wanted in (("bos_token", begin), ("eos_token", end))
    if wanted and name in named
  ]
  if marks:
    first = f"{named['bos_token']} " if begin and "bos_token" in named else ""
    last = f" {named['eos_token']}" if end and "eos_token" in named else ""
    core.post_processor = processors.TemplateProcessing(
      single=f"{first}$A{last}",
      pair=f"{first}$A{last} {first}$B{last}",
      special_tokens=[(mark, core.token_to_id(mark)) for mark in set(marks)],
    )
