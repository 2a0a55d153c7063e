"""Texts as tokens, where only a template writes control tokens.

A tokenizer takes "<|im_end|>" for the end of a turn wherever it stands. In a
question, or in a step that a policy wrote, these letters are text: as a control
token they would end the turn, the solution or the conversation. So what others
wrote is shielded before it becomes part of a prompt, and `encode` turns
shielded letters into tokens of ordinary text. A text with nothing to shield
takes the tokenizer's own way, to the bit.
"""

import functools
import json
import re
from collections.abc import Sequence
from typing import Any

import tokenizers
import transformers

Tokenizer = transformers.PreTrainedTokenizerFast

# Before a letter that begins no control token. Private to its writer in
# Unicode, so that tokenizers and templates have no use for it.
_ESCAPE = "\U0010fffd"
# Letters that stand for control tokens in a copy of the tokenizer.
_NAMES = range(0xF0000, 0xFFFFE)
# "<tool_call>", "[INST]": control tokens, even where the file does not call
# them special. Others, such as runs of spaces, are ordinary vocabulary.
_BRACKETED = re.compile(r"<\S+>|\[\S+\]")


def shield(tokenizer: Tokenizer, text: str) -> str:
  """Marks the control tokens in a text as ordinary letters.

  Args:
    tokenizer: whose control tokens.
    text: what a user, a benchmark or a policy wrote.

  Returns:
    The text, to be put into a template and given to `encode`; unchanged where
    it holds no control token.
  """
  return _shielding(tokenizer).openings.sub(_ESCAPE, text)


def encode(
  tokenizer: Tokenizer, text: str, *, begin: bool = False
) -> list[int]:
  """Turns a text with shielded parts into tokens.

  Args:
    tokenizer: a fast tokenizer.
    text: control tokens that are not shielded become what they stand for.
    begin: whether to add the tokens that the tokenizer puts before a text.
      Those that it puts after one, such as an end, are never added: the model
      goes on.

  Returns:
    Token ids.
  """
  return encode_all(tokenizer, [text], begin=begin)[0]


def encode_all(
  tokenizer: Tokenizer, texts: Sequence[str], *, begin: bool = False
) -> list[list[int]]:
  """Turns texts into tokens, many at once; as `encode`."""
  plain = [text for text in texts if _ESCAPE not in text]
  batch = tokenizer(
    plain,
    add_special_tokens=begin,
    return_special_tokens_mask=True,
    verbose=False,
  ) if plain else {"input_ids": [], "special_tokens_mask": []}  # fmt: skip
  rows = zip(batch["input_ids"], batch["special_tokens_mask"], strict=True)
  encoded = []
  for text in texts:
    if _ESCAPE in text:
      encoding = _shielding(tokenizer).encode(text, begin)
      encoded.append(_without_end(encoding.ids, encoding.special_tokens_mask))
    else:
      encoded.append(_without_end(*next(rows)))
  return encoded


def control_tokens(tokenizer: Tokenizer) -> list[str]:
  """Lists the texts that a tokenizer takes for control tokens.

  Args:
    tokenizer: a fast tokenizer.

  Returns:
    Special tokens, and other added tokens in brackets, the longest first.
  """
  tokens = set(tokenizer.all_special_tokens) | {
    token.content
    for token in tokenizer.added_tokens_decoder.values()
    if token.special or _BRACKETED.fullmatch(token.content)
  }
  return sorted(filter(str.strip, tokens), key=lambda text: (-len(text), text))


class _Shielding:
  """A tokenizer, and a copy of it whose control tokens have other names.

  The copy finds control tokens by names that the text does not hold, at the
  same positions and with the same ids; the letters of the old names are text.
  """

  def __init__(self, tokenizer: Tokenizer):
    self._tokenizer = tokenizer
    self._tokens = control_tokens(tokenizer)
    any_token = "|".join(map(re.escape, self._tokens)) or "(?!)"
    # Matches have no length: control tokens may overlap.
    self.openings = re.compile(f"(?={_ESCAPE}|{any_token})")
    self._parts = re.compile(f"{_ESCAPE}(?s:(.?))|({any_token})")
    self._copies: dict[int, tokenizers.Tokenizer] = {}

  def encode(self, text: str, begin: bool) -> tokenizers.Encoding:
    """Encodes a text with shielded parts."""
    count = max(1, len(self._tokens))
    taken = {ord(letter) for letter in text}
    first = next(
      i for i in _NAMES[::count] if taken.isdisjoint(range(i, i + count))
    )
    names = {token: chr(first + i) for i, token in enumerate(self._tokens)}
    if first not in self._copies:
      self._copies[first] = _rename(self._tokenizer, names)
    text = self._parts.sub(
      lambda part: names[part[2]] if part[2] else part[1], text
    )
    return self._copies[first].encode(text, add_special_tokens=begin)


def _without_end(ids: list[int], added: list[int]) -> list[int]:
  """Drops what a tokenizer added after a text."""
  end = len(ids)
  while end and added[end - 1] and 0 in added[:end]:
    end -= 1
  return list(ids[:end])


def _shielding(tokenizer: Tokenizer) -> _Shielding:
  # A tokenizer may be given further tokens.
  return _cached_shielding(tokenizer, len(tokenizer))


@functools.lru_cache(maxsize=8)
def _cached_shielding(tokenizer: Tokenizer, size: int) -> _Shielding:
  del size
  return _Shielding(tokenizer)


def _rename(
  tokenizer: Tokenizer, names: dict[str, str]
) -> tokenizers.Tokenizer:
  """Copies a tokenizer with other names of some added tokens."""
  raw = json.loads(tokenizer.backend_tokenizer.to_str())
  for token in raw["added_tokens"]:
    token["content"] = names.get(token["content"], token["content"])
  model = raw["model"]
  if isinstance(model["vocab"], dict):
    model["vocab"] = {names.get(k, k): v for k, v in model["vocab"].items()}
  else:
    model["vocab"] = [[names.get(k, k), v] for k, v in model["vocab"]]
  if model.get("unk_token") in names:
    model["unk_token"] = names[model["unk_token"]]
  if "merges" in model:
    model["merges"] = [
      pair for pair in map(_pair, model["merges"])
      if names.keys().isdisjoint((*pair, "".join(pair)))
    ]  # fmt: skip
  copy = tokenizers.Tokenizer.from_str(
    json.dumps(raw | {"truncation": None, "padding": None})
  )
  moved = [
    token
    for token, name in names.items()
    if copy.token_to_id(name) != tokenizer.convert_tokens_to_ids(token)
  ]
  if moved:
    raise ValueError(
      f"the tokenizer {tokenizer.name_or_path} cannot write {', '.join(moved)} "
      "as ordinary text. Take them out of the question."
    )
  return copy


def _pair(merge: Any) -> list[str]:
  """A merge, which older files write as one text."""
  return merge.split(" ") if isinstance(merge, str) else merge
