"""How a policy writes its steps: what ends one, and what marks an answer."""

import dataclasses
from typing import Protocol

import transformers
from typing_extensions import override

from inference_scaling.decoding.tokens import automaton


class Format(Protocol):
  """What a policy needs of a format, such as a `StepFormat`."""

  @property
  def whole(self) -> bool:
    """Whether a step ends only where its solution does."""
    ...

  @property
  def split_after(self) -> int:
    """Tokens after which a solution is split once; 0 for steps as they come."""
    ...

  @property
  def step_bits(self) -> int:
    """The bits of a hit that mean a step has ended."""
    ...

  @property
  def answer_bits(self) -> int:
    """The bits of a hit that mean an answer has been announced."""
    ...

  def compile(
    self, tokenizer: transformers.PreTrainedTokenizerFast, vocab_size: int
  ) -> automaton.Automaton:
    """Builds the automaton whose hits these bits are of.

    Args:
      tokenizer: the policy's tokenizer.
      vocab_size: V, the rows of the model's unembedding.

    Returns:
      The automaton.
    """
    ...


@dataclasses.dataclass(frozen=True)
class StepFormat(Format):
  """The strings that give a generated text its structure.

  A step ends with the token in which one of `step_end` is completed; what the
  token holds after the delimiter still belongs to the step. A beam is finished
  at the first step end at or after an answer marker, or by an end-of-text
  token. Both are looked for in generated text only, never in the prompt.

  Attributes:
    step_end: strings that end a step, e.g. (" ки",). With none a step is a
      whole solution, up to the end of the text.
    answer_markers: strings that announce the answer, e.g. ("The answer is",).
    whole: whether a step is a whole solution, which ends where it would
      otherwise: `step_end` before an answer ends nothing.
    split_after: where it is not 0, a solution has two steps: the first ends
      with the first `step_end` at or after so many tokens, the second where the
      solution does.
  """

  step_end: tuple[str, ...]
  answer_markers: tuple[str, ...]
  whole: bool = False
  split_after: int = 0

  @override
  def compile(
    self, tokenizer: transformers.PreTrainedTokenizerFast, vocab_size: int
  ) -> automaton.Automaton:
    """Builds the automaton that finds the strings in generated tokens.

    Args:
      tokenizer: the policy's tokenizer.
      vocab_size: V, the rows of the model's unembedding.

    Returns:
      The automaton, whose hits `step_bits` and `answer_bits` read.

    Raises:
      ValueError: as `build_automaton`.
    """
    patterns = (*self.step_end, *self.answer_markers)
    return automaton.build_automaton(tokenizer, vocab_size, patterns)

  @property
  @override
  def step_bits(self) -> int:
    return (1 << len(self.step_end)) - 1

  @property
  @override
  def answer_bits(self) -> int:
    return ((1 << len(self.answer_markers)) - 1) << len(self.step_end)
