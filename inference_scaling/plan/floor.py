"""The least that a device must move and compute, and the time that it takes.

For a token of all rows that is: each weight read once (of an embedding that is
no unembedding only a row a token, which is left out), the live keys and values
read once, two operations for each weight and row, and what the devices tell
each other. How much of a sweep's time is something else, a bound does not say.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from inference_scaling import models, names
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding.batching import scheduling
from inference_scaling.decoding.memory import abstract
from inference_scaling.decoding.tokens import encode_loop
from inference_scaling.models import kv_heads, sharding
from inference_scaling.models.layers import hardware
from inference_scaling.plan import chips, layout
from inference_scaling.plan import workload as workload_lib

_FLOPS = 2  # a product and a sum for each weight


@dataclasses.dataclass(frozen=True)
class Cost:
  """What a pass of a model over some tokens costs each device.

  Attributes:
    tokens: of the pass, on all devices together.
    bytes: through HBM.
    flops: operations.
    link_bytes: that it sends to others.
  """

  tokens: int
  bytes: float
  flops: float
  link_bytes: float

  def times(self, chip: chips.Chip) -> dict[str, float]:
    """Seconds of each of these at the peaks of a chip.

    Args:
      chip: of the devices.

    Returns:
      Seconds by what they go to.
    """
    return {
      "memory": self.bytes / chip.bandwidth,
      "compute": self.flops / chip.rate,
      "links": self.link_bytes / chip.link_bandwidth,
    }

  def seconds(self, chip: chips.Chip) -> float:
    """Seconds at the least: all of these at once, each at its peak."""
    return max(self.times(chip).values())


def decode(
  workload: workload_lib.Workload,
  mesh: Mesh,
  text_tokens: int,
  link_bytes: float = 0.0,
) -> Cost:
  """The floor of a token of all active beams.

  Args:
    workload: the search.
    mesh: of the devices.
    text_tokens: that a beam has, of its own.
    link_bytes: that a device sends for it; these are what the program has.

  Returns:
    The cost of one pass.
  """
  search = workload.search
  rows = workload.problems * (workload.rows or workload.beams)
  weights = layout.weights(search)[0]
  model = _Model(search.policy, weights, search.dtype, mesh, has_logits=True)
  prompt_tokens = search.limits.prompt_buffer
  return Cost(
    tokens=rows,
    bytes=model.weight_bytes
    + model.kept_bytes(workload.problems, rows, prompt_tokens, text_tokens),
    flops=model.flops(rows, prompt_tokens + text_tokens),
    link_bytes=link_bytes,
  )


def score(
  workload: workload_lib.Workload,
  mesh: Mesh,
  text_tokens: int,
  step_tokens: int,
  link_bytes: float = 0.0,
) -> Cost:
  """The floor of scoring a step of all beams that are scored at once.

  Args:
    workload: the search, with a reward model.
    mesh: of the devices.
    text_tokens: that a beam has, the step included.
    step_tokens: of these, of the step.
    link_bytes: that a device sends for a token.

  Returns:
    The cost of a pass over all tokens of the steps.
  """
  search = workload.search
  assert search.reward is not None
  problems = scored_problems(workload, mesh)
  rows = problems * (workload.rows or workload.beams)
  weights = layout.weights(search)[1]
  own = search.reward_format == names.NATIVE_REWARD
  dtype = search.reward_model_dtype
  model = _Model(search.reward, weights, dtype, mesh, has_logits=own)
  prompt_tokens = search.reward_model_limits.prompt_buffer
  tokens = rows * step_tokens
  return Cost(
    tokens=tokens,
    bytes=model.weight_bytes
    + model.kept_bytes(problems, rows, prompt_tokens, text_tokens),
    flops=model.flops(tokens, prompt_tokens + text_tokens),
    link_bytes=link_bytes * tokens,
  )


def scored_problems(workload: workload_lib.Workload, mesh: Mesh) -> int:
  """Q, the problems that are scored at once, on all devices together."""
  static_part = workload.strategy.static_part
  group = scheduling.group_size(
    workload.problems, static_part, mesh, hardware.of_mesh(mesh)
  )
  return group or workload.problems


def block_tokens(
  reward: reward_lib.ModelReward, workload: workload_lib.Workload, mesh: Mesh
) -> int:
  """Tokens of all rows that the program's reward model encodes in a pass."""
  rows = scored_problems(workload, mesh) * (workload.rows or workload.beams)
  step = min(reward.limits.step_tokens, reward.limits.total_tokens)
  return rows * encode_loop.block_size(reward.model.hardware, rows, step)


class _Model:
  """A model on one device of a mesh."""

  def __init__(
    self,
    config: models.DecoderConfig,
    weights: Any,
    dtype: str,
    mesh: Mesh,
    has_logits: bool,
  ):
    self.config = config
    self.data = mesh.shape[sharding.DATA]
    self.model = mesh.shape[sharding.MODEL]
    self.kept = jnp.dtype(abstract.activations(dtype)).itemsize
    self.heads = kv_heads.num_held(config, mesh) // self.model
    placed = jax.tree_util.tree_leaves_with_path(
      layout.placed(weights, config, mesh)
    )
    names = [jax.tree_util.keystr(path) for path, _ in placed]
    # A vocabulary that is only looked up is not read.
    read = has_logits and not any("unembedding" in name for name in names)
    leaves = [
      leaf
      for name, (_, leaf) in zip(names, placed, strict=True)
      if read or "'embedding" not in name
    ]
    shapes = [leaf.sharding.shard_shape(leaf.shape) for leaf in leaves]
    self.weight_bytes = sum(
      math.prod(shape) * leaf.dtype.itemsize
      for shape, leaf in zip(shapes, leaves, strict=True)
    )
    self.num_factors = sum(
      math.prod(shape) for shape in shapes if len(shape) > 1
    )

  def kept_bytes(
    self, problems: int, rows: int, prompt_tokens: int, text_tokens: int
  ) -> float:
    """Bytes of keys and values: prompts once a problem, texts once a beam."""
    tokens = 0
    for window, num_layers in self._windows(prompt_tokens + text_tokens):
      texts = min(text_tokens, window)
      prompts = min(prompt_tokens, window - texts)
      tokens += num_layers * (problems * prompts + rows * texts)
    entry = 2 * self.heads * self.config.head_dim * self.kept
    return entry * tokens / self.data

  def flops(self, tokens: int, positions: int) -> float:
    """Operations on some tokens, each of which attends to some positions."""
    config = self.config
    seen = sum(window * count for window, count in self._windows(positions))
    entries = config.num_heads * config.head_dim
    attention = 2 * entries * seen / self.model
    return _FLOPS * tokens / self.data * (self.num_factors + attention)

  def _windows(self, positions: int) -> list[tuple[int, int]]:
    """How many of some positions are seen, and in how many layers."""
    unlimited = self.config.num_unlimited_layers
    limited = min(self.config.sliding_window or positions, positions)
    return [
      (limited, self.config.num_layers - unlimited), (positions, unlimited),
    ]  # fmt: skip
