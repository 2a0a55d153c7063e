"""Ids of special tokens in the metadata of a GGUF file."""

from collections.abc import Mapping
from typing import Any

from absl import logging

from inference_scaling.models.sources.gguf import keys, values

_TOKENS = f"{keys.TOKENIZER}tokens"


def read(
  metadata: Mapping[str, Any], names: tuple[str, ...], where: str
) -> dict[str, int]:
  """Reads the ids of special tokens.

  Some converters write -1 where a model has no such token, which is read as
  4294967295. An id beyond the tokens is left out, with a warning.

  Args:
    metadata: of the file.
    names: of the keys, without the prefix, such as bos_token_id.
    where: the file, for warnings and errors.

  Returns:
    Those that are there and are ids of tokens, by name.

  Raises:
    ValueError: where a value is no whole number.
  """
  size = len(tokens(metadata))
  ids = {}
  for name in names:
    key = keys.TOKENIZER + name
    index = metadata.get(key)
    values.hold(key, index, values.is_whole, "an id", where)
    if index is None:
      continue
    if 0 <= index < size:
      ids[name] = index
    else:
      logging.warning(
        "%s: %s is %d, but there are %d tokens; it is left out, as if the "
        "model had no such token.", where, key, index, size,
      )  # fmt: skip
  return ids


def tokens(metadata: Mapping[str, Any]) -> list[str]:
  """Lists the tokens; there are none where the file holds no list."""
  value = metadata.get(_TOKENS)
  return value if isinstance(value, list) else []
