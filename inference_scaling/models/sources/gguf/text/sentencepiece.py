"""Tokenizers of the kind of Llama 2, Mistral, Gemma and Phi-3.

Characters are merged, the best score first, as sentencepiece does it.
"""

import tokenizers
from tokenizers import decoders, normalizers, pre_tokenizers

from inference_scaling.models.sources.gguf.text import (
  vocabulary as vocabulary_lib,
)

# Mistral's tokenizers with this mark put a space before a text alone; those
# without, as Llama 2, after every mark in it, too. Files do not say it.
_FIRST_ALONE = "[INST]"


def build(
  vocabulary: vocabulary_lib.Vocabulary, prefix: bool, unknown: str
) -> tokenizers.Tokenizer:
  """Builds a tokenizer without its marks.

  Args:
    vocabulary: of the kind "llama".
    prefix: whether a space is put before a text.
    unknown: token of what is no token.

  Returns:
    The tokenizer.
  """
  tokens = vocabulary.tokens
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      vocab={token: index for index, token in enumerate(tokens)},
      merges=_merges(vocabulary),
      unk_token=unknown,
      fuse_unk=True,
      byte_fallback=True,
    )
  )
  if prefix and _FIRST_ALONE in tokens:
    core.pre_tokenizer = pre_tokenizers.Metaspace(
      prepend_scheme="first", split=False
    )
  else:
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


def _merges(vocabulary: vocabulary_lib.Vocabulary) -> list[tuple[str, str]]:
  """Lists the pairs that make a token, as sentencepiece would merge them.

  Nothing is merged into a token that stands for no text of its own: an unknown
  one, a mark, a byte, or one that is not in use.
  """
  tokens, scores = vocabulary.tokens, vocabulary.scores
  texts = (
    vocabulary_lib.UNDEFINED,
    vocabulary_lib.NORMAL,
    vocabulary_lib.USER_DEFINED,
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
