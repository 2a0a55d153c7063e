"""The tokenizer that the metadata of a GGUF file describes."""

from collections.abc import Mapping
from typing import Any

import tokenizers
import transformers
from absl import logging
from tokenizers import processors

from inference_scaling.models.sources.gguf import ids as gguf_ids
from inference_scaling.models.sources.gguf import keys, values
from inference_scaling.models.sources.gguf.text import byte_level, sentencepiece
from inference_scaling.models.sources.gguf.text import (
  vocabulary as gguf_vocabulary,
)

_KEY = keys.TOKENIZER
_PRE, _PREFIX = f"{_KEY}pre", f"{_KEY}add_space_prefix"
_TEMPLATE = "tokenizer.chat_template"
_PHI3_PLAIN = ("<s>", "<unk>", "<|endoftext|>")
_NAMES = {
  "bos_token_id": "bos_token",
  "eos_token_id": "eos_token",
  "unknown_token_id": "unk_token",
  "padding_token_id": "pad_token",
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
  split = _split_name(metadata, vocabulary.kind, where)
  prefix = _flag(metadata, _PREFIX, vocabulary.kind == "llama", where)
  marks = _marks(metadata, vocabulary.kind, split, named, where)
  try:
    if vocabulary.kind == "gpt2":
      core = byte_level.build(vocabulary, split)
    else:
      unknown = named.get("unk_token", vocabulary.tokens[0])
      core = sentencepiece.build(vocabulary, prefix, unknown)
    core.add_tokens(_marked(vocabulary, metadata))
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
  if name not in byte_level.SPLITS:
    raise ValueError(
      f"{where}: {_PRE} is {name!r}, an unknown way to split words; expected "
      f"one of {', '.join(sorted(byte_level.SPLITS))}. Load the folder in "
      "Hugging Face format."
    )
  return name


def _marked(
  vocabulary: gguf_vocabulary.Vocabulary, metadata: Mapping[str, Any]
) -> list[tokenizers.AddedToken]:
  """Lists the tokens that are found in a text before it is split."""
  control = gguf_vocabulary.CONTROL
  # Those of Phi-3 take spaces and line breaks after them along, which files do
  # not say; Phi-4, of the same architecture, has another kind of tokenizer.
  phi3 = metadata.get("general.architecture") == "phi3"
  strips = phi3 and vocabulary.kind == "llama"
  return [
    tokenizers.AddedToken(
      token,
      normalized=False,
      special=kind == control,
      rstrip=strips and token not in _PHI3_PLAIN,
    )
    for token, kind in zip(vocabulary.tokens, vocabulary.types, strict=True)
    if kind in (control, gguf_vocabulary.USER_DEFINED)
  ]


def _marks(
  metadata: Mapping[str, Any],
  kind: str,
  split: str,
  named: Mapping[str, str],
  where: str,
) -> tuple[str, str]:
  """Reads which marks the file wants before and after a text; "" for none."""
  # Files of Llama 2 and 3 may not say it; llama.cpp then begins with the mark.
  begins = kind == "llama" or byte_level.SPLITS[split].begins
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
