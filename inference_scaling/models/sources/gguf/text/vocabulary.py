"""The vocabulary in the metadata of a GGUF file, held to its kind."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from inference_scaling.models.sources.gguf import ids, keys

# Types of tokens.
UNDEFINED, NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(7)
# What each kind of tokenizer needs beside its tokens.
_NEEDED = {"gpt2": "merges", "llama": "scores"}


class Vocabulary(NamedTuple):
  """Tokens and what is known of them.

  Attributes:
    kind: "gpt2" or "llama".
    tokens: their texts, by id.
    types: of the tokens, one of those above.
    merges: of the kind gpt2: pairs of tokens, the first first.
    scores: of the kind llama: of the tokens, the highest first.
  """

  kind: str
  tokens: list[str]
  types: list[int]
  merges: list[tuple[str, str]]
  scores: list[float]


def read(metadata: Mapping[str, Any], where: str) -> Vocabulary:
  """Reads the vocabulary of a file.

  Args:
    metadata: of the file.
    where: the file, for errors.

  Returns:
    The vocabulary.

  Raises:
    ValueError: where there is none, it is of an unknown kind, or its parts do
      not fit together.
  """
  kind = metadata.get(f"{keys.TOKENIZER}model")
  tokens = ids.tokens(metadata)
  if not isinstance(kind, str) or kind not in _NEEDED or not tokens:
    raise ValueError(
      f"{where}: {keys.TOKENIZER}model is {kind!r}; expected one of "
      f"{', '.join(sorted(_NEEDED))}, with its tokens. Load the folder in "
      "Hugging Face format."
    )
  needed = keys.TOKENIZER + _NEEDED[kind]
  if needed not in metadata:
    raise ValueError(
      f"{where}: {needed} is missing, without which there is no tokenizer of "
      f"the kind {kind!r}. Load the folder in Hugging Face format."
    )
  _check_all(tokens, f"{keys.TOKENIZER}tokens", str, where)
  types_key = f"{keys.TOKENIZER}token_type"
  types = metadata.get(types_key, [NORMAL] * len(tokens))
  _check_all(types, types_key, int, where, len(tokens))
  strange = sorted(set(types) - set(range(UNDEFINED, BYTE + 1)))
  if strange:
    raise ValueError(
      f"{where}: {types_key} has {strange}; expected types from {UNDEFINED} "
      f"to {BYTE}."
    )
  merges, scores = [], []
  if kind == "gpt2":
    _check_all(metadata[needed], needed, str, where)
    merges = _pairs(metadata[needed], set(tokens), needed, where)
  else:
    scores = metadata[needed]
    _check_all(scores, needed, float, where, len(tokens))
  return Vocabulary(kind, tokens, types, merges, scores)


def _check_all(
  values: Any, key: str, kind: type, where: str, size: int | None = None
) -> None:
  """Raises where a key holds no list, or one of another kind or length."""
  if not isinstance(values, list) or not all(type(v) is kind for v in values):
    raise ValueError(f"{where}: {key} is no list of {kind.__name__} alone.")
  if size is not None and len(values) != size:
    raise ValueError(
      f"{where}: {key} has {len(values)} entries for {size} tokens."
    )


def _pairs(
  merges: list[str], tokens: set[str], key: str, where: str
) -> list[tuple[str, str]]:
  """Takes merges apart; both parts and what they make must be tokens."""
  pairs = []
  for number, merge in enumerate(merges):
    left, _, right = merge.partition(" ")
    if not (left in tokens and right in tokens and left + right in tokens):
      raise ValueError(
        f"{where}: {key}[{number}] is {merge!r}; expected two tokens that make "
        "a third, with a space between them. The tokens or the merges are "
        "those of another model."
      )
    pairs.append((left, right))
  return pairs
