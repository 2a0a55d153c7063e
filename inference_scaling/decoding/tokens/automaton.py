"""Finds stop strings in generated tokens, inside a jitted loop.

A delimiter may begin in the middle of one token and end in the middle of a
later one. The automaton of Aho and Corasick reads text byte by byte and knows
after each byte which patterns have just ended; composed over the bytes of each
token it becomes a table, and a step of the decoding loop is one gather.
"""

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import transformers

# Patterns are bits of an int32 whose sign bit stays clear.
MAX_PATTERNS = 31
_SPACE = "▁"  # SentencePiece writes a space so
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Automaton(flax.struct.PyTreeNode):
  """A table from state and token to state, and to the patterns that ended.

  State 0 is the start. Axis A: automaton states.

  Attributes:
    next: int32[A, V], the state after the token.
    hits: int32[A, V], bit i set where pattern i ends inside the token.
  """

  next: jax.Array
  hits: jax.Array

  def step(
    self, states: jax.Array, tokens: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Moves on by one token of each row.

    Args:
      states: int32[...].
      tokens: int32[...], of the same shape.

    Returns:
      int32[...] new states, and int32[...] bits of the patterns that ended.
    """
    return self.next[states, tokens], self.hits[states, tokens]


def build_automaton(
  tokenizer: transformers.PreTrainedTokenizerFast,
  vocab_size: int,
  patterns: Sequence[str],
) -> Automaton:
  """Compiles patterns against a tokenizer's vocabulary.

  Args:
    tokenizer: a fast tokenizer.
    vocab_size: V, the rows of the model's unembedding; may exceed the
      tokenizer's vocabulary, whose missing tokens have no text.
    patterns: strings to find, none empty; at most MAX_PATTERNS.

  Returns:
    The automaton; bit i of its hits belongs to `patterns[i]`.

  Raises:
    ValueError: for no, too many or empty patterns, or a tokenizer whose
      tokens cannot be turned into bytes.

  References:
    Aho and Corasick 1975, Efficient String Matching
    (https://doi.org/10.1145/360825.360855), sections 2 and 3.
  """
  if not 0 < len(patterns) <= MAX_PATTERNS or not all(patterns):
    raise ValueError(
      f"patterns is {list(patterns)!r}; expected 1 to {MAX_PATTERNS} strings, "
      "none of them empty."
    )
  goto, ends = _aho_corasick([text.encode("utf-8") for text in patterns])
  texts = token_bytes(tokenizer, vocab_size)
  lengths = np.array([len(text) for text in texts])
  states = np.tile(np.arange(len(goto))[:, None], (1, vocab_size))
  hits = np.zeros_like(states)
  for position in range(lengths.max(initial=0)):
    live = np.flatnonzero(lengths > position)
    byte = np.array([texts[token][position] for token in live])
    states[:, live] = goto[states[:, live], byte[None]]
    hits[:, live] |= ends[states[:, live]]
  return Automaton(jnp.array(states, jnp.int32), jnp.array(hits, jnp.int32))


def _aho_corasick(patterns: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
  """Builds the byte automaton.

  Args:
    patterns: what to find, as bytes.

  Returns:
    goto int[A, 256], and ends int[A]: bits of the patterns that end in a state.
  """
  children: list[dict[int, int]] = [{}]
  ends = [0]
  for bit, pattern in enumerate(patterns):
    state = 0
    for byte in pattern:
      if byte not in children[state]:
        children[state][byte] = len(children)
        children.append({})
        ends.append(0)
      state = children[state][byte]
    ends[state] |= 1 << bit
  goto = np.zeros((len(children), 256), np.int64)
  failure = [0] * len(children)
  # Breadth first: a state's failure is shallower, so its row is complete.
  queue = [0]
  for state in queue:
    goto[state] = goto[failure[state]] if state else 0
    ends[state] |= ends[failure[state]]
    for byte, child in children[state].items():
      failure[child] = goto[state][byte] if state else 0
      goto[state][byte] = child
      queue.append(child)
  return goto, np.array(ends)


def token_bytes(
  tokenizer: transformers.PreTrainedTokenizerFast, vocab_size: int
) -> list[bytes]:
  """Lists the bytes that each token adds to a text, in the middle of it.

  Args:
    tokenizer: a fast tokenizer, byte-level or SentencePiece-like.
    vocab_size: V; ids without a token get no bytes.

  Returns:
    V byte strings; special tokens have none, as when decoding skips them.

  Raises:
    ValueError: for a tokenizer of another kind.
  """
  to_bytes = _decoder_of(tokenizer)
  texts = [b""] * vocab_size
  added = tokenizer.added_tokens_decoder
  special = set(tokenizer.all_special_ids)
  for token, index in tokenizer.get_vocab().items():
    if index >= vocab_size or index in special:
      continue
    if index in added:  # added tokens are written as they are
      plain = "" if added[index].special else added[index].content
      texts[index] = plain.encode("utf-8")
    else:
      texts[index] = to_bytes(token)
  return texts


def _decoder_of(
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> Callable[[str], bytes]:
  """Chooses how a token's name is turned into bytes."""
  description = json.loads(tokenizer.backend_tokenizer.to_str())["decoder"]
  kinds = _decoder_kinds(description)
  if "ByteLevel" in kinds:
    return _byte_level
  spaced = "Metaspace" in kinds or _replaces_space(description)
  if spaced or "ByteFallback" in kinds:
    return functools.partial(_sentence_piece, fallback="ByteFallback" in kinds)
  raise ValueError(
    f"the tokenizer's decoder is {sorted(kinds)}; expected ByteLevel, "
    "Metaspace, or ByteFallback with ▁ for a space. Use a checkpoint with a "
    "byte-level or a SentencePiece tokenizer.json."
  )


def _parts(description: dict[str, Any] | None) -> list[dict[str, Any]]:
  """Flattens a decoder's description into its parts."""
  if description is None:
    return []
  return description.get("decoders", [description])


def _decoder_kinds(description: dict[str, Any] | None) -> set[str]:
  return {part["type"] for part in _parts(description)}


def _replaces_space(description: dict[str, Any] | None) -> bool:
  """Tells whether ▁ is replaced by a space."""
  return any(
    part["type"] == "Replace" and part["pattern"].get("String") == _SPACE
    for part in _parts(description)
  )


def _sentence_piece(token: str, fallback: bool) -> bytes:
  byte = _BYTE_TOKEN.fullmatch(token) if fallback else None
  if byte:
    return bytes([int(byte[1], 16)])
  return token.replace(_SPACE, " ").encode("utf-8")


def _byte_level(token: str) -> bytes:
  table = _byte_of_character()
  return bytes(table[character] for character in token)


@functools.cache
def _byte_of_character() -> dict[str, int]:
  """Inverts GPT-2's mapping of bytes to printable characters."""
  printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
  others = [byte for byte in range(256) if byte not in printable]
  table = {chr(byte): byte for byte in printable}
  return table | {chr(256 + rank): byte for rank, byte in enumerate(others)}
