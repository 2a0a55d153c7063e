"""Turns a policy's steps into a reward model's tokens, inside a jitted loop.

The two models need not share a tokenizer, nor a way to write steps. What the
policy wrote becomes text on the host, without the strings that ended its steps,
and the reward model's format writes the text as that model was trained to read
it. Steps are never found again by splitting text: each is what the policy made
in one extension of a beam, so a step cannot be split in two, joined to the next
or scored without being there.
"""

import codecs
from collections.abc import Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import transformers
from jax.sharding import Mesh, PartitionSpec

from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding.tokens import automaton
from inference_scaling.models import reward_formats, sharding


class Translated(flax.struct.PyTreeNode):
  """Steps in the reward model's tokens; C tokens a step at most.

  Attributes:
    tokens: int32[P, N, C]; 0 from the length on.
    lengths: int32[P, N]; 0 for a step without text, or one that is too long.
    needed: int32[P, N], tokens of the step, also where they are more than C.
    written: bool[P, N], whether the step has any text.
    rest: int32[P, N], as `RewardState.rest`.
  """

  tokens: jax.Array
  lengths: jax.Array
  needed: jax.Array
  written: jax.Array
  rest: jax.Array


class Translator:
  """Writes a policy's steps for a reward model with a format of its own.

  Attributes:
    reward_format: of the reward model.
    limits: of the reward model, in its own tokens.
    mesh: whose axis 'data' splits the problems; None for none.
  """

  def __init__(
    self,
    tokenizer: transformers.PreTrainedTokenizerFast,
    vocab_size: int,
    reward_format: reward_formats.RewardFormat,
    limits: limits_lib.Limits,
    step_end: Sequence[str],
    mesh: Mesh | None = None,
  ):
    """Looks up the text of the policy's tokens.

    Args:
      tokenizer: of the policy.
      vocab_size: V of the policy.
      reward_format: of the reward model.
      limits: of the reward model, in its own tokens.
      step_end: what ends a step of the policy; it is not shown to the reward
        model, whose format has an end of its own.
      mesh: of `models.make_mesh`; None for one device.
    """
    self.reward_format = reward_format
    self.limits = limits
    self.mesh = mesh
    self._texts = automaton.token_bytes(tokenizer, vocab_size)
    # The longest first: it may hold a shorter one.
    self._ends = sorted(step_end, key=len, reverse=True)

  def __call__(
    self,
    tokens: jax.Array,
    lengths: jax.Array,
    steps: jax.Array,
    rest: jax.Array,
  ) -> Translated:
    """Translates one step of each beam.

    Args:
      tokens: int32[P, N, C], the policy's.
      lengths: int32[P, N]; 0 for beams that do not take part.
      steps: int32[P, N], steps with text that each beam has had.
      rest: int32[P, N], as `RewardState.rest`.

    Returns:
      The steps in the reward model's tokens.
    """

    def translate(*arguments: jax.Array) -> Translated:
      P, N, _ = arguments[0].shape
      beams: Any = jax.ShapeDtypeStruct((P, N), jnp.int32)
      size = self.limits.step_tokens
      tokens: Any = jax.ShapeDtypeStruct((P, N, size), jnp.int32)
      written: Any = jax.ShapeDtypeStruct((P, N), jnp.bool_)
      shapes = Translated(tokens, beams, beams, written, beams)
      return jax.pure_callback(self._translate_all, shapes, *arguments)

    if self.mesh is not None and not len(lengths) % self.mesh.shape["data"]:
      # Each part of the problems goes to the host it is on, and only there.
      spec = PartitionSpec(sharding.DATA)
      translate = jax.shard_map(
        translate, mesh=self.mesh, in_specs=spec, out_specs=spec,
        check_vma=False,
      )  # fmt: skip
    with jax.named_scope("translate"):
      return translate(tokens, lengths, steps, rest)

  def translate(
    self, tokens: Sequence[int], index: int, rest: int = 0
  ) -> tuple[list[int], str, int]:
    """Translates one step, on the host.

    Args:
      tokens: the policy's.
      index: steps with text before this one.
      rest: as `RewardState.rest`.

    Returns:
      Tokens of the reward model, the text of the step (empty for a step of
      nothing but spaces and delimiters), and the new rest.
    """
    written = _unpack(rest) + b"".join(self._texts[token] for token in tokens)
    # A character may be cut by the end of a step; its first bytes wait for the
    # next step instead of becoming two broken characters.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(written)
    rest = _pack(decoder.getstate()[0])
    text = self._without_end(text).strip()
    return self.reward_format.encode_step(index, text), text, rest

  def _without_end(self, text: str) -> str:
    """Drops the string that ended the step, if one did.

    In a whole solution line breaks stay where they are, and all tags go.
    """
    if self.reward_format.outcome:
      for tag in filter(str.strip, self._ends):
        text = text.replace(tag, "")
      return text
    for end in self._ends:
      before, delimiter, after = text.rpartition(end)
      if delimiter:
        # A token may hold the first letters of what comes after it.
        return f"{before} {after}"
    return text

  def _translate_all(
    self, tokens: Any, lengths: Any, steps: Any, rest: Any
  ) -> Translated:
    """Translates a batch; called on the host, with arrays of NumPy."""
    tokens, lengths, steps, rest = (
      np.asarray(array) for array in (tokens, lengths, steps, rest)
    )
    size = self.limits.step_tokens
    new_tokens: Any = np.zeros((*lengths.shape, size), np.int32)
    new_lengths: Any = np.zeros_like(lengths)
    needed: Any = np.zeros_like(lengths)
    written: Any = np.zeros(lengths.shape, bool)
    new_rest: Any = np.array(rest)
    for row in zip(*np.nonzero(lengths), strict=True):
      step = tokens[row][: lengths[row]].tolist()
      translated, text, new_rest[row] = self.translate(
        step, int(steps[row]), int(rest[row])
      )
      written[row] = bool(text)
      needed[row] = len(translated)
      if len(translated) <= size:
        new_lengths[row] = len(translated)
        new_tokens[row][: len(translated)] = translated
    return Translated(new_tokens, new_lengths, needed, written, new_rest)


def _pack(rest: bytes) -> int:
  """Makes one number of at most three bytes; 0 of none."""
  return int.from_bytes(b"\1" + rest, "big") if rest else 0


def _unpack(rest: int) -> bytes:
  """Undoes `_pack`."""
  return rest.to_bytes(4, "big").lstrip(b"\0")[1:] if rest else b""


def fit(
  translator: Any,
  tokens: jax.Array,
  lengths: jax.Array,
  steps: jax.Array,
  rest: jax.Array,
  cut: jax.Array,
  space: jax.Array,
) -> tuple[Translated, jax.Array]:
  """Translates one step of each beam, and leaves out what does not fit.

  A step that was cut off ends its beam without an answer. Where it does not
  fit, it is left out, and the beam keeps the score of the step before, 0 if
  there is none: only strategies that also score ended beams see it.

  Args:
    translator: a `Translator`, or what stands for one where programs are
      compiled alone.
    tokens: int32[Q, R, C], the policy's.
    lengths: int32[Q, R].
    steps: int32[Q, R], steps with text that each beam has had.
    rest: int32[Q, R], as `RewardState.rest`.
    cut: bool[Q, R], steps that a limit ended.
    space: int32[Q, R], how many tokens the texts may still have.

  Returns:
    The steps in the reward model's tokens, those without text to score not
    written, and int32[Q, 2], what did not fit.
  """
  translated = translator(tokens, lengths, steps, rest)
  needed = translated.needed
  too_long = needed > translator.limits.step_tokens
  too_much = needed > space
  total = translator.limits.total_tokens - space + needed
  overflow = jnp.stack(
    [
      jnp.where(too_long & ~cut, needed, 0).max(axis=1),
      jnp.where(too_much & ~cut, total, 0).max(axis=1),
    ],
    axis=1,
  )
  left_out = too_long | too_much
  return translated.replace(
    lengths=jnp.where(left_out, 0, translated.lengths),
    written=translated.written & ~(left_out & cut),
    rest=jnp.where(lengths > 0, translated.rest, rest),
  ), overflow
