"""Formats whose steps end where a benchmark needs it, whatever the text.

They stand for a `decoding.StepFormat`; the program that a policy runs is the
same, only its table is another.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from inference_scaling.decoding.tokens import automaton


@dataclasses.dataclass(frozen=True)
class EqualSteps:
  """Every step has as many tokens.

  Attributes:
    length: of a step; None for steps that never end.
    step_bits: of a hit that ends a step.
    answer_bits: of a hit that announces an answer, which none does.
    whole: False: a step ends before its solution does.
    split_after: 0: steps come as they end.
  """

  length: int | None = None
  step_bits: int = 1
  answer_bits: int = 2
  whole: bool = False
  split_after: int = 0

  def compile(self, tokenizer: Any, vocab_size: int) -> automaton.Automaton:
    """Makes an automaton that counts tokens.

    Args:
      tokenizer: not needed.
      vocab_size: V.

    Returns:
      The automaton; its states are the tokens of the step so far.
    """
    del tokenizer
    states = np.arange(self.length or 1)
    ends = states == (self.length or 0) - 1
    following = (states + 1) % len(states)
    return _automaton(following[:, None], ends[:, None], vocab_size)


@dataclasses.dataclass(frozen=True)
class UnevenSteps:
  """Each token may end a step, so that lengths vary as in real texts.

  A step ends with the tokens whose hashed numbers `mean` divides: about one
  token in `mean`, drawn by the model.

  Attributes:
    mean: of the tokens of a step, if all tokens were as likely.
    step_bits: as `EqualSteps`.
    answer_bits: as `EqualSteps`.
    whole: as `EqualSteps`.
  """

  mean: int
  step_bits: int = 1
  answer_bits: int = 2
  whole: bool = False
  split_after: int = 0

  def compile(self, tokenizer: Any, vocab_size: int) -> automaton.Automaton:
    """Makes an automaton that looks at single tokens.

    Args:
      tokenizer: not needed.
      vocab_size: V.

    Returns:
      The automaton, of one state.
    """
    del tokenizer
    tokens = np.arange(vocab_size, dtype=np.uint32)
    # Fibonacci hashing, since tokens are numbered by how common they are.
    mixed = (tokens * np.uint32(2654435769)) >> np.uint32(16)
    return _automaton(
      np.zeros((1, 1), int), (mixed % self.mean == 0)[None], vocab_size
    )


def _automaton(
  following: np.ndarray, ends: np.ndarray, vocab_size: int
) -> automaton.Automaton:
  shape = (len(following), vocab_size)
  return automaton.Automaton(
    jnp.asarray(np.broadcast_to(following, shape), jnp.int32),
    jnp.asarray(np.broadcast_to(ends, shape), jnp.int32),
  )
