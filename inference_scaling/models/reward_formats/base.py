"""What a reward model reads: a question and its steps, turned into tokens.

A solution is encoded in pieces, one of the prompt and one of each step, since a
search scores a step when it is written and reads nothing twice. The pieces end
where no tokenizer joins two tokens, so that put together they are the encoding
of the whole text. The reward of a step is read at the last token of its piece.
What looks like a control token in a question or in a step is text.
"""

import abc
import datetime
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import transformers

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.text import control_tokens

# Encoded when a format is made, to see that its pieces make up the whole.
_SAMPLE = ("What is 2 + 3?", ("2 + 3 = 5.", "The answer is: 5"))


class RewardFormat(abc.ABC):
  """The text and the tokens that one family of reward models was trained on.

  Attributes:
    name: of the format, as `load_reward_model` takes it.
    architectures: what `architectures` of config.json may name; none for any
      language model.
    tokenizer: of the reward model.
    module: the head's Flax module, which a plan needs before a tokenizer.
    outcome: whether it reads a whole solution, as its only step.
    head: how the reward is made of the hidden state at a piece's last token.
    start: ids before the text of the prompt.
    date: what a chat template that prints the date takes for today, if any.
    pad_token: id that the checkpoint's config gives to padding, if any.
  """

  name: ClassVar[str]
  architectures: ClassVar[tuple[str, ...]] = ()
  module: ClassVar[Callable[..., Any]] = reward_heads.LinearScore
  outcome: ClassVar[bool] = False

  def __init__(
    self,
    tokenizer: transformers.PreTrainedTokenizerFast,
    date: datetime.date | None = None,
    pad_token: int | None = None,
  ):
    """Looks up the tokens that the format needs.

    Args:
      tokenizer: of the reward model.
      date: what a chat template that prints the date takes for today.
      pad_token: as `pad_token_id` of the checkpoint's config.json.

    Raises:
      ValueError: if the tokenizer cannot write this format.
    """
    self.tokenizer = tokenizer
    self.date = date
    self.pad_token = pad_token
    self.start: list[int] = []
    self._anchors: dict[str, list[int]] = {}
    self.head = self.prepare()
    self._check_sample()

  @abc.abstractmethod
  def prepare(self) -> reward_heads.Head:
    """Looks up tokens; returns the head. Raises a ValueError as `__init__`."""

  @abc.abstractmethod
  def prompt_text(self, question: str) -> str:
    """Writes the prompt of a question, which has no spaces around it."""

  @abc.abstractmethod
  def step_text(self, index: int, text: str) -> str:
    """Writes a step with all that belongs to it, up to where it is read.

    Args:
      index: of the step, from 0.
      text: of the step, not empty, with no spaces around it.

    Returns:
      What follows the prompt or the step before.
    """

  @abc.abstractmethod
  def before(self, index: int) -> str:
    """Returns a text to encode a step after, so that its tokens are right.

    It ends as the text before the step does, and no step changes its tokens.

    Args:
      index: of the step, from 0.
    """

  def encode_prompt(self, question: str) -> list[int]:
    """Encodes a question.

    Args:
      question: spaces around it are dropped.

    Returns:
      Token ids, the beginning-of-text mark included if there is one.

    Raises:
      ValueError: if the question is empty.
    """
    question = question.strip()
    if not question:
      raise ValueError("the question is empty: a prompt needs some text.")
    text = self.prompt_text(self.shield(question))
    return [*self.start, *self.encode(text)]

  def encode_step(self, index: int, text: str) -> list[int]:
    """Encodes a step, to follow the prompt or the step before.

    Args:
      index: of the step among those that are not empty, from 0.
      text: of the step; spaces around it are dropped.

    Returns:
      Token ids, the last of which is where the reward is read; none for an
      empty step, which has no reward.

    Raises:
      ValueError: if the step changes the tokens of the text before it.
    """
    text = text.strip()
    if not text:
      return []
    before = self.before(index)
    after = self.step_text(index, self.shield(text))
    known = self._anchors.get(before)
    if known is None:
      known = self._anchors[before] = self.encode(before)
    tokens = self.encode(before + after)
    if tokens[: len(known)] != known:
      raise ValueError(
        f"{self.where}: the step {after!r} changes the tokens of the "
        f"text before it, {before!r}; this tokenizer joins tokens where a step "
        "begins. Use the tokenizer.json that belongs to the reward model."
      )
    return tokens[len(known) :]

  def encode_whole(self, question: str, steps: Sequence[str]) -> list[int]:
    """Encodes a question and its steps at once, as the pieces must add up.

    Args:
      question: the question.
      steps: texts, none of them empty.

    Returns:
      Token ids.
    """
    texts = [self.prompt_text(self.shield(question.strip()))]
    texts += [
      self.step_text(i, self.shield(step.strip()))
      for i, step in enumerate(steps)
    ]
    return [*self.start, *self.encode("".join(texts))]

  def encode(self, text: str) -> list[int]:
    """Encodes a text as it stands, with no mark before or after it."""
    return control_tokens.encode(self.tokenizer, text)

  def shield(self, text: str) -> str:
    """Marks what looks like a control token in a text as ordinary letters."""
    return control_tokens.shield(self.tokenizer, text)

  @property
  def where(self) -> str:
    """Names the format and its tokenizer in errors."""
    return f"format {self.name!r}, tokenizer {self.tokenizer.name_or_path!r}"

  def begin_of_text(self) -> int:
    """Looks up the mark that begins the model's texts; raises without one."""
    begin = self.tokenizer.bos_token_id
    if not isinstance(begin, int):
      raise ValueError(
        f"{self.where}: there is no bos_token, with which the model's texts "
        "begin. Copy tokenizer_config.json from the checkpoint."
      )
    return begin

  def one_token(self, text: str, before: str = "") -> int:
    """Looks up a text that must be one token.

    Args:
      text: the text.
      before: what stands before it.

    Returns:
      Its id.

    Raises:
      ValueError: if it is none or several.
    """
    known = self.encode(before)
    tokens = self.encode(before + text)[len(known) :]
    if len(tokens) != 1 or tokens[0] == self.tokenizer.unk_token_id:
      names = self.tokenizer.convert_ids_to_tokens(tokens)
      raise ValueError(
        f"{self.where}: {text!r} is {names}; expected one token. The "
        "checkpoint is of another reward model, or its tokenizer.json is: "
        "choose the format that belongs to it."
      )
    return tokens[0]

  def _check_sample(self) -> None:
    """Checks that the pieces of a short solution make up the whole."""
    question, steps = _SAMPLE
    steps = ("\n".join(steps),) if self.outcome else steps
    pieces = self.encode_prompt(question)
    for index, step in enumerate(steps):
      pieces += self.encode_step(index, step)
    whole = self.encode_whole(question, steps)
    if pieces != whole:
      raise ValueError(
        f"{self.where}: the tokens of {steps} one by one are not those of the "
        f"whole text: {pieces} and {whole}. Use the tokenizer.json that "
        "belongs to the reward model."
      )
