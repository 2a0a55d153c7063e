"""The tokenizer that the metadata of a GGUF file describes."""

from collections.abc import Mapping
from typing import Any

import tokenizers
import transformers
from absl import logging
from tokenizers import decoders, normalizers, pre_tokenizers, processors

from inference_scaling.models.sources.gguf import ids as gguf_ids
from inference_scaling.models.sources.gguf import keys, values
from inference_scaling.models.sources.gguf import vocabulary as gguf_vocabulary

_KEY = keys.TOKENIZER
_PRE, _PREFIX = f"{_KEY}pre", f"{_KEY}add_space_prefix"
_TEMPLATE = "tokenizer.chat_template"
_NAMES = {
  "bos_token_id": "bos_token",
  "eos_token_id": "eos_token",
  "unknown_token_id": "unk_token",
  "padding_token_id": "pad_token",
}

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
    ValueError: where the file has no tokenizer, one of an unknown kind or a
      broken one, or where a key needs what is not implemented.
  """
  keys.check_tokenizer(metadata, where)
  vocabulary = gguf_vocabulary.read(metadata, where)
  template = metadata.get(_TEMPLATE)
  values.hold(_TEMPLATE, template, values.is_text, "a text", where)
  ids = gguf_ids.read(metadata, tuple(_NAMES), where)
  named = {_NAMES[key]: vocabulary.tokens[ids[key]] for key in ids}
  builders = {"gpt2": _byte_level, "llama": _sentencepiece}
  split = _split_name(metadata, vocabulary.kind, where)
  prefix = _flag(metadata, _PREFIX, vocabulary.kind == "llama", where)
  marks = _marks(metadata, vocabulary.kind, split, named, where)
  try:
    core = builders[vocabulary.kind](vocabulary, split, prefix, named)
    core.add_tokens(_marked(vocabulary))
    _add_marks(core, *marks)
  except Exception as error:  # the tokenizers package raises bare Exception
    raise ValueError(
      f"{where}: there is no tokenizer to be made of {_KEY}* ({error}). Load "
      "the folder in Hugging Face format."
    ) from error
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=core,
    chat_template=template,
    clean_up_tokenization_spaces=False,
    **named,
  )


def _flag(
  metadata: Mapping[str, Any], key: str, default: bool, where: str
) -> bool:
  """Reads a key that is true or false."""
  value = metadata.get(key)
  values.hold(key, value, values.is_bool, "true or false", where)
  return default if value is None else value


def _split_name(metadata: Mapping[str, Any], kind: str, where: str) -> str:
  """Reads how a text is split into words."""
  name = metadata.get(_PRE)
  values.hold(_PRE, name, values.is_text, "a text", where)
  if kind == "llama":
    whole = "default, since the kind llama splits no text"
    values.hold(_PRE, name, lambda value: value == "default", whole, where)
    return "default"
  if _flag(metadata, _PREFIX, False, where):
    raise ValueError(
      f"{where}: {_PREFIX} is True; expected False of the kind gpt2."
    )
  if name is None:
    logging.warning(
      "%s: %s is missing. Texts are split into words as those of GPT-2 are; "
      "if the model was trained on other splits, its tokens and all results "
      "are WRONG. Convert the model anew, or load its folder in Hugging Face "
      "format.", where, _PRE,
    )  # fmt: skip
    return "default"
  if name not in _SPLITS:
    raise ValueError(
      f"{where}: {_PRE} is {name!r}, an unknown way to split words; expected "
      f"one of {', '.join(sorted(_SPLITS))}. Load the folder in Hugging Face "
      "format."
    )
  return name


def _marked(
  vocabulary: gguf_vocabulary.Vocabulary,
) -> list[tokenizers.AddedToken]:
  """Lists the tokens that are found in a text before it is split."""
  control = gguf_vocabulary.CONTROL
  return [
    tokenizers.AddedToken(token, normalized=False, special=kind == control)
    for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True)
    if kind in (control, gguf_vocabulary.USER_DEFINED)
  ]


def _byte_level(
  vocabulary: gguf_vocabulary.Vocabulary,
  split: str,
  prefix: bool,
  named: Mapping[str, str],
) -> tokenizers.Tokenizer:
  """The kind of GPT-2: merges of bytes."""
  del prefix, named
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      vocab={token: index for index, token in enumerate(vocabulary.tokens)},
      merges=vocabulary.merges,
      # Llama 3 looks whole words up before it merges.
      ignore_merges=_is_llama3(split),
    )
  )
  splits = [
    pre_tokenizers.Split(tokenizers.Regex(regex), behavior="isolated")
    for regex in _SPLITS[split]
  ]
  core.pre_tokenizer = pre_tokenizers.Sequence(
    [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
  )
  core.decoder = decoders.ByteLevel()
  return core


def _is_llama3(split: str) -> bool:
  return _SPLITS[split] == (_LLAMA3,)


def _sentencepiece(
  vocabulary: gguf_vocabulary.Vocabulary,
  split: str,
  prefix: bool,
  named: Mapping[str, str],
) -> tokenizers.Tokenizer:
  """The kind of Llama 2 and Mistral: merges of characters, best score first."""
  del split
  tokens = vocabulary.tokens
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      vocab={token: index for index, token in enumerate(tokens)},
      merges=_merges(vocabulary),
      unk_token=named.get("unk_token", tokens[0]),
      fuse_unk=True,
      byte_fallback=True,
    )
  )
  core.normalizer = normalizers.Sequence(
    [
      *([normalizers.Prepend("▁")] if prefix else []),
      normalizers.Replace(" ", "▁"),
    ]
  )
  core.decoder = decoders.Sequence(
    [
      decoders.Replace("▁", " "),
      decoders.ByteFallback(),
      decoders.Fuse(),
      *([decoders.Strip(content=" ", left=1)] if prefix else []),
    ]
  )
  return core


def _merges(vocabulary: gguf_vocabulary.Vocabulary) -> list[tuple[str, str]]:
  """Lists the pairs that make a token, as sentencepiece would merge them.

  Nothing is merged into a token that stands for no text of its own: an unknown
  one, a mark, a byte, or one that is not in use.
  """
  tokens, scores = vocabulary.tokens, vocabulary.scores
  texts = (
    gguf_vocabulary.UNDEFINED,
    gguf_vocabulary.NORMAL,
    gguf_vocabulary.USER_DEFINED,
  )
  indices = {
    token: index
    for index, (token, kind) in enumerate(
      zip(tokens, vocabulary.types, strict=True)
    )
    if kind in texts
  }
  merges = []
  for token, index in indices.items():
    pairs = [
      (indices[token[:cut]], indices[token[cut:]])
      for cut in range(1, len(token))
      if token[:cut] in indices and token[cut:] in indices
    ]
    merges += [(-scores[index], index, *pair) for pair in sorted(pairs)]
  merges.sort(key=lambda merge: merge[0])  # stable: keeps the order of tokens
  return [(tokens[left], tokens[right]) for _, _, left, right in merges]


def _marks(
  metadata: Mapping[str, Any],
  kind: str,
  split: str,
  named: Mapping[str, str],
  where: str,
) -> tuple[str, str]:
  """Reads which marks the file wants before and after a text; "" for none."""
  # Files of Llama 2 and 3 may not say it; llama.cpp then begins with the mark.
  begins = kind == "llama" or _is_llama3(split)
  marks = []
  for name, default in (("bos", begins), ("eos", False)):
    key, index = f"{_KEY}add_{name}_token", f"{_KEY}{name}_token_id"
    wanted = _flag(metadata, key, default, where)
    if wanted and key in metadata and index not in metadata:
      raise ValueError(f"{where}: {key} is True, but {index} is missing.")
    marks.append(named.get(f"{name}_token", "") if wanted else "")
  begin, end = marks
  return begin, end


def _add_marks(core: tokenizers.Tokenizer, begin: str, end: str) -> None:
  """Puts marks around each text."""
  if not begin and not end:
    return
  first, last = begin and f"{begin} ", end and f" {end}"
  core.post_processor = processors.TemplateProcessing(
    single=f"{first}$A{last}",
    pair=f"{first}$A{last} {first}$B{last}",
    special_tokens=[
      (mark, core.token_to_id(mark)) for mark in {begin, end} if mark
    ],
  )
