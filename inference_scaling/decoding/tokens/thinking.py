"""Thinking before the answer: where it ends, its budget, and forced tokens.

All that a beam writes up to the end of a closing text, as "</think>", is its
thinking; the text that opens it belongs to the prompt, or to what the beam
writes. At its budget the thinking of a beam is closed: the next tokens of the
beam are those of a text of the config's and are not drawn. Where the model
closes its thinking by itself, or ends its text in it, another text, as "Wait",
can take the place of that token, so that it goes on, up to k times. Budget and
k are arrays: other values need no other program.

A forced token passes through the model as a drawn one does and is charged as
one. It uses up the random number of its place, so that what is drawn at other
places depends on neither.

Axis letters: P problems in flight, N beams, F entries of a table of tokens.

References:
  Muennighoff et al., "s1: Simple test-time scaling", 2025 (arXiv:2501.19393),
    section 3.1: budget forcing.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import transformers

from inference_scaling.decoding.tokens import automaton as automaton_lib
from inference_scaling.models.text import control_tokens

# Of a beam that thinks as long as it likes.
NO_BUDGET = int(np.iinfo(np.int32).max)
_DRAWN = 0  # the entry of a table at which no token is forced


class ThinkingTexts(NamedTuple):
  """Texts around the thinking of a policy.

  Attributes:
    close: what ends it: an answer is looked for behind this.
    end: what is put where its budget ends; it holds `close`.
    wait: what takes the place of `close` where thinking is to go on.
  """

  close: str
  end: str
  wait: str


class ThinkingParams(flax.struct.PyTreeNode):
  """How long beams think: arrays, so that a new value is no new program.

  Attributes:
    budget: int32[], most tokens of thinking before `end` is forced; NO_BUDGET
      for none.
    waits: int32[], how often `wait` is put where thinking would end.
  """

  budget: jax.Array
  waits: jax.Array


class Thoughts(flax.struct.PyTreeNode):
  """How far the thinking of each beam is.

  Attributes:
    open: bool[P, N], whether it still thinks.
    tokens: int32[P, N], tokens of its thinking.
    waits: int32[P, N], how often it was told to go on.
    forced: int32[P, N], entry of the next token in the table of forced ones;
      0 where it is drawn.
    automaton: int32[P, N], state of the search for `close`.
  """

  open: jax.Array
  tokens: jax.Array
  waits: jax.Array
  forced: jax.Array
  automaton: jax.Array


@dataclasses.dataclass(frozen=True, eq=False)
class Thinking:
  """The texts of a policy as tokens; arrays of it never change.

  Attributes:
    automaton: finds `close`.
    forced: int32[F], tokens of `end` from entry 1 on, then those of `wait`.
    following: int32[F], the entry after each; 0 after the last of a text.
    wait: entry of the first token of `wait`.
    closers: tokens in whose place `wait` may be put: those that hold `close`,
      if it is one token, and ends of text.
  """

  automaton: automaton_lib.Automaton
  forced: jax.Array
  following: jax.Array
  wait: int
  closers: tuple[int, ...]

  def start(self, params: ThinkingParams, shape: tuple[int, ...]) -> Thoughts:
    """Lets beams begin to think; with a budget of 0 they end at once.

    Args:
      params: of the run.
      shape: [P, N].

    Returns:
      Their state.
    """
    zeros = jnp.zeros(shape, jnp.int32)
    return Thoughts(
      open=zeros == 0,
      tokens=zeros,
      waits=zeros,
      forced=zeros + (params.budget <= 0),
      automaton=zeros,
    )

  def advance(
    self, params: ThinkingParams, thoughts: Thoughts, drawn: jax.Array
  ) -> tuple[jax.Array, Thoughts]:
    """Takes one more token of each beam.

    Args:
      params: of the run.
      thoughts: of the beams.
      drawn: int32[P, N], tokens that were drawn.

    Returns:
      int32[P, N], the tokens that are written instead, and the new state.
    """
    forced = thoughts.forced != _DRAWN
    tokens = jnp.where(forced, self.forced[thoughts.forced], drawn)
    following = self.following[thoughts.forced]
    closes = jnp.isin(drawn, jnp.array(self.closers)) & ~forced
    waits = thoughts.open & closes & (thoughts.waits < params.waits)
    tokens = jnp.where(waits, self.forced[self.wait], tokens)
    following = jnp.where(waits, self.following[self.wait], following)
    automaton, hits = self.automaton.step(thoughts.automaton, tokens)
    is_open = thoughts.open & (hits == 0)
    count = thoughts.tokens + thoughts.open
    ending = (following != _DRAWN) & (following < self.wait)
    cut = is_open & ~ending & (count >= params.budget)
    return tokens, Thoughts(
      open=is_open,
      tokens=count,
      waits=thoughts.waits + waits,
      forced=jnp.where(cut, 1, following),
      automaton=automaton,
    )


def compile_thinking(
  texts: ThinkingTexts,
  tokenizer: transformers.PreTrainedTokenizerFast,
  vocab_size: int,
  eos_token_ids: Sequence[int],
) -> Thinking:
  """Turns the texts around the thinking of a policy into tokens.

  Args:
    texts: the texts.
    tokenizer: of the policy.
    vocab_size: V.
    eos_token_ids: which end a text.

  Returns:
    What a loop of tokens needs.

  Raises:
    ValueError: if `end` does not write `close` in this tokenizer's tokens, if
      `wait` does, or if one of them has no token.
  """
  automaton = automaton_lib.build_automaton(
    tokenizer, vocab_size, [texts.close]
  )
  close, end, wait = (control_tokens.encode(tokenizer, text) for text in texts)
  if not _closes(automaton, end):
    raise ValueError(
      f"thinking.end is {texts.end!r}, whose tokens do not write "
      f"thinking.close, {texts.close!r}; expected a text with it in it, which "
      "is no special token of the tokenizer. Mend either."
    )
  if not wait or _closes(automaton, wait):
    raise ValueError(
      f"thinking.wait is {texts.wait!r}; expected a text with a token, and "
      f"without thinking.close, {texts.close!r}. Mend it."
    )
  following = [_DRAWN, *range(2, len(end) + 1), _DRAWN]
  following += [*range(len(end) + 2, len(end) + len(wait) + 1), _DRAWN]
  return Thinking(
    automaton=automaton,
    forced=jnp.array([0, *end, *wait], jnp.int32),
    following=jnp.array(following, jnp.int32),
    wait=len(end) + 1,
    closers=(*(_holders(automaton) if len(close) == 1 else ()), *eos_token_ids),
  )


def _closes(automaton: Any, tokens: Sequence[int]) -> bool:
  """Whether tokens write what the automaton looks for."""
  table, hits = np.array(automaton.next), np.array(automaton.hits)
  state, ended = 0, 0
  for token in tokens:
    ended |= int(hits[state, token])
    state = table[state, token]
  return bool(ended)


def _holders(automaton: automaton_lib.Automaton) -> list[int]:
  """Tokens that hold what the automaton looks for: with a space before it."""
  return np.flatnonzero(np.array(automaton.hits[0])).tolist()
