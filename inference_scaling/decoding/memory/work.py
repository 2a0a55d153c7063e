"""The memory that models take while they run, beside weights and state.

`plan.py` says how it is counted.
"""

import dataclasses

from inference_scaling import models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding.kv_cache import forking, stored_rows
from inference_scaling.models.layers import hardware

_FLOAT32 = 4  # bytes
_FFW_COPIES = 3
_HIDDEN_COPIES = 4


@dataclasses.dataclass(frozen=True)
class Work:
  """What a layer of a model takes while it runs.

  Attributes:
    config: the architecture.
    limits: lengths of its buffers.
    model: devices that share it.
    beams: R, that are active at once.
  """

  config: models.DecoderConfig
  limits: limits_lib.Limits
  model: int
  beams: int

  @property
  def step(self) -> int:
    """C, the most tokens of a step."""
    return min(self.limits.step_tokens, self.limits.total_tokens)

  @property
  def fork_window(self) -> float:
    """The part of the beams that a fork copies at once."""
    size = self.limits.text_buffer
    return forking.window(size) / size

  def rows(self, prompts: int, tokens: int) -> int:
    """Bytes of rows, and of their prompts, whose bytes are given.

    Args:
      prompts: these bytes.
      tokens: of a row.

    Returns:
      The bytes.
    """
    size = self.beams * tokens
    return prompts + prompts // self.limits.prompt_buffer * size

  def apart(self, prompts: int, taken: bool, tree: bool, tokens: int) -> int:
    """Bytes of rows on an accelerator, where new tokens are kept apart.

    Args:
      prompts: bytes of their prompts.
      taken: whether rows are taken out of the storage, not read in it.
      tree: whether out of a tree, whose prompts are copied, too.
      tokens: of a row in the append buffer.

    Returns:
      The bytes.
    """
    size = self.limits.text_buffer if taken else 0
    return self.rows(prompts, size + tokens) - (0 if tree else prompts)

  def stays(self, target: hardware.Hardware) -> bool:
    """Whether rows of a dense cache stay in storage.

    Args:
      target: what programs are for.
    """
    sizes = (self.limits.prompt_buffer, self.limits.text_buffer)
    return stored_rows.serves(self.config, target, sizes)

  def copied(self, in_place: bool) -> int:
    """Tokens of the longest rows of a policy on a CPU that are no storage.

    Args:
      in_place: whether rows of all tokens are.
    """
    size = self.limits.text_buffer
    if not in_place:
      return size
    buckets = {limits_lib.bucket(tokens, size) for tokens in range(1, size)}
    return max(buckets - {size}, default=0)

  def array(self, rows: int, tokens: int | None = None) -> int:
    """Bytes of some tokens of one array of rows; None for all tokens."""
    size = self.limits.text_buffer
    part = min(tokens or size, size) / size
    return round(rows * part / (2 * self.config.num_layers))

  def prompt(self) -> int:
    """Bytes for the tokens of one prompt."""
    size, config = self.limits.prompt_buffer, self.config
    # Queries and keys, both before and after they are turned, and values.
    # Each device has a head of keys at least, a copy if need be.
    heads = 2 * config.num_heads + 3 * max(config.num_kv_heads, self.model)
    hidden = _HIDDEN_COPIES * size * config.hidden_size * _FLOAT32
    return self._layer(size, size, heads * config.head_dim) + hidden

  def tokens(self, rows: int) -> int:
    """Bytes for the next tokens of all rows."""
    limits = self.limits
    # Scores, and their exponentials beside them.
    positions = limits.prompt_buffer + limits.text_buffer
    return self._layer(rows, 2 * positions)

  def _layer(self, tokens: int, positions: int, projected: int = 0) -> int:
    attention = self.config.num_heads * positions + projected
    ffw = _FFW_COPIES * self.config.intermediate_size
    return tokens * max(attention, ffw) // self.model * _FLOAT32
