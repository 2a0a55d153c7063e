"""The least time that a step of decoding can take on a machine."""

import dataclasses

import jax.numpy as jnp

from inference_scaling import compute, models
from inference_scaling.benchmark.measurements import machine
from inference_scaling.plan import chips

# JAX's names of devices.
_CHIPS = {
  "TPU v5 lite": "v5e",
  "TPU v5": "v5p",
  "TPU v6 lite": "v6e",
  "NVIDIA H200": "h200",
}


@dataclasses.dataclass(frozen=True)
class TokenStep:
  """What one more token of each row needs.

  Attributes:
    weight_bytes: of the weights, read once for all rows.
    cache_bytes: of keys and values: those of a prompt once for all of its
      samples, and those of each row's own text.
    flops: of the products of matrices, attention's included.
  """

  weight_bytes: int
  cache_bytes: int
  flops: int

  def seconds(self, rates: machine.Rates, dtype: str) -> float:
    """The larger of the times to read and to compute.

    Args:
      rates: of the machine.
      dtype: of the factors of the products.

    Returns:
      Seconds.
    """
    read = (self.weight_bytes + self.cache_bytes) / rates.bandwidth
    return max(read, self.flops / rates.flops[dtype])


def token_step(
  config: models.DecoderConfig,
  problems: int,
  samples: int,
  prompt_tokens: int,
  own_tokens: float,
  dtype: str,
  cache_dtype: str,
) -> TokenStep:
  """Counts what a token of each row needs.

  Args:
    config: the architecture.
    problems: P.
    samples: N.
    prompt_tokens: of each prompt.
    own_tokens: tokens that a row has of its own, on average.
    dtype: of the weights.
    cache_dtype: of keys and values.

  Returns:
    The counts.
  """
  cost = compute.policy_cost(config)
  # An embedding of its own is only looked up.
  table = config.vocab_size * config.hidden_size
  looked_up = 0 if config.tie_word_embeddings else table
  width = config.num_layers * 2 * config.num_kv_heads * config.head_dim
  rows = problems * samples
  positions = problems * prompt_tokens + rows * own_tokens
  per_row = cost.per_token + cost.unembedding
  attention = cost.per_position * (prompt_tokens + own_tokens + 1)
  return TokenStep(
    weight_bytes=(cost.parameters - looked_up) * jnp.dtype(dtype).itemsize,
    cache_bytes=round(positions * width * jnp.dtype(cache_dtype).itemsize),
    flops=round(rows * (per_row + attention)),
  )


def planned_seconds(least: TokenStep, device_kind: str) -> float | None:
  """Returns the bound on the time of a token step, by the chip's peaks.

  Args:
    least: what it needs.
    device_kind: JAX's name of the device.

  Returns:
    Seconds; None for a device that the plan does not know.
  """
  if device_kind not in _CHIPS:
    return None
  chip = chips.CHIPS[_CHIPS[device_kind]]
  read = (least.weight_bytes + least.cache_bytes) / chip.bandwidth
  return max(read, least.flops / chip.rate)
