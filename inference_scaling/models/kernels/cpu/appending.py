"""Writes new keys and values behind those of a row, where the row lies."""

from typing import Any

from inference_scaling.models.kernels.cpu import code
from inference_scaling.models.kernels.cpu.code import (
  FLOAT,
  FLOATS,
  WIDTH,
  whole,
)


def write(
  text: code.Code,
  new_keys: Any,
  new_values: Any,
  number: Any,
  tokens: Any,
  keys: Any,
  values: Any,
  stored: Any,
  entries: Any,
  length: Any,
  head_dim: int,
) -> None:
  """Writes one kv head of a row; what would pass its end is left out.

  Args:
    text: that the code becomes part of.
    new_keys: pointer to float32[.., H, T].
    new_values: pointer to float32[.., T, H].
    number: which of them.
    tokens: T.
    keys: pointer to float32[.., H, S].
    values: pointer to float32[.., S, H].
    stored: which of them.
    entries: S.
    length: at which entry the first token goes.
    head_dim: H.
  """
  origin = text.times(text.times(number, tokens), head_dim)
  target = text.times(text.times(stored, entries), head_dim)
  written = text.least(text.builder.sub(entries, length), tokens)

  def write_key(dim: Any, token: Any) -> None:
    source = text.sum(origin, text.times(dim, tokens), token)
    number = text.load(new_keys, text.times(source, 4), FLOAT)
    entry = text.sum(target, text.times(dim, entries), length, token)
    text.store(number, keys, text.times(entry, 4))

  def write_keys(dim: Any) -> None:
    text.loop(whole(0), written, 1, lambda token: write_key(dim, token))

  def write_values(token: Any) -> None:
    source = text.sum(origin, text.times(token, head_dim))
    entry = text.sum(length, token)
    entry = text.sum(target, text.times(entry, head_dim))
    for first in range(0, head_dim, WIDTH):
      offset = text.times(text.sum(source, whole(first)), 4)
      vector = text.load(new_values, offset, FLOATS)
      offset = text.times(text.sum(entry, whole(first)), 4)
      text.store(vector, values, offset)

  text.loop(whole(0), whole(head_dim), 1, write_keys)
  text.loop(whole(0), written, 1, write_values)
