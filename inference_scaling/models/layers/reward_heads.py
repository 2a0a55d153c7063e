"""Heads of published reward models: from one hidden state to a reward.

Every family reduces to one of two shapes, a vector or two layers, whose weights
are read from the checkpoint, or folded from its unembedding, at load. They are
kept and applied in float32. A logit becomes the probability that it is the
log-odds of, but for a `PreferenceScore`.
"""

import abc
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from typing_extensions import override

Read = Callable[[str], np.ndarray]
Score = dict[str, np.ndarray]
# Rows of an unembedding that are summed at once.
_ROWS = 4096


class LinearScore(nnx.Module):
  """One vector: the log-odds of the reward."""

  def __init__(self, size: int):
    self.kernel = nnx.Param(jnp.zeros((size,)))
    self.bias = nnx.Param(jnp.zeros(()))

  def __call__(self, hidden: jax.Array) -> jax.Array:
    """Maps hidden states [..., D] to log-odds float32[...]."""
    kernel = jnp.expand_dims(self.kernel[...], range(hidden.ndim - 1))
    # Summed, not multiplied: a product with one column rounds differently from
    # row to row, and a reward must not depend on what else is in the batch.
    score = jnp.sum(hidden.astype(jnp.float32) * kernel, axis=-1)
    return score + self.bias[...]

  def reward(self, logits: jax.Array) -> jax.Array:
    """Turns log-odds float32[...] into probabilities."""
    return jax.nn.sigmoid(logits)


class PreferenceScore(LinearScore):
  """One vector: a logit that only its difference from others gives a meaning.

  Models of preferences are trained on the difference of two answers, whose
  sigmoid is the probability that the first is preferred (Bradley-Terry).
  """

  @override
  def reward(self, logits: jax.Array) -> jax.Array:
    """Turns logits float32[...] into weights: ln(1 + exp(logit)).

    They are positive and keep the order. A sigmoid would not: in float32 it is
    1 from a logit of 17 on, and published models give good answers more.
    """
    return jax.nn.softplus(logits)


class TwoLayerScore(nnx.Module):
  """Two layers and two classes: their difference is the log-odds."""

  def __init__(self, size: int):
    self.inner_kernel = nnx.Param(jnp.zeros((size, size)))
    self.inner_bias = nnx.Param(jnp.zeros((size,)))
    self.kernel = nnx.Param(jnp.zeros((size,)))
    self.bias = nnx.Param(jnp.zeros(()))

  def __call__(self, hidden: jax.Array) -> jax.Array:
    """Maps hidden states [..., D] to log-odds float32[...]."""
    bias, kernel = (
      jnp.expand_dims(part[...], range(hidden.ndim - 1))
      for part in (self.inner_bias, self.kernel)
    )
    inner = hidden.astype(jnp.float32) @ self.inner_kernel[...] + bias
    score = jnp.sum(jax.nn.relu(inner) * kernel, axis=-1)
    return score + self.bias[...]

  def reward(self, logits: jax.Array) -> jax.Array:
    """Turns log-odds float32[...] into probabilities."""
    return jax.nn.sigmoid(logits)


class Head(abc.ABC):
  """Where a head's weights come from.

  Attributes:
    module: class of the Flax module, made from D.
    own_file: whether its tensors are in a file of their own, beside the body's.
  """

  module: Callable[[int], nnx.Module] = LinearScore
  own_file: bool = False

  @abc.abstractmethod
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    """Names the checkpoint's tensors that are the head's alone, with shapes.

    Args:
      size: D.
    """

  @abc.abstractmethod
  def fold(self, read: Read, unembedding: str) -> Score:
    """Makes the head's weights.

    Args:
      read: gives a tensor of the checkpoint by its name.
      unembedding: name of the unembedding [V, D].

    Returns:
      float32 arrays, by the names of the module's parameters.
    """


class VocabularyMean(Head):
  """The mean of all logits: the mean row of the unembedding."""

  @override
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    del size
    return {}

  @override
  def fold(self, read: Read, unembedding: str) -> Score:
    table = read(unembedding)
    # By blocks in float64: the table may be half a gigabyte of bfloat16.
    total = np.zeros(table.shape[1])
    for start in range(0, len(table), _ROWS):
      block = np.asarray(table[start : start + _ROWS], np.float32)
      total += block.sum(axis=0, dtype=np.float64)
    return _linear(total / len(table), 0.0)


class RowDifference(Head):
  """A softmax over two tokens: the difference of their rows.

  Attributes:
    good: id of the token whose probability is the reward.
    bad: id of the other.
  """

  def __init__(self, good: int, bad: int):
    self.good = good
    self.bad = bad

  @override
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    del size
    return {}

  @override
  def fold(self, read: Read, unembedding: str) -> Score:
    table = read(unembedding)
    good, bad = (
      np.asarray(table[row], np.float32) for row in (self.good, self.bad)
    )
    return _linear(good - bad, 0.0)


class ValueHead(Head):
  """A value head as TRL writes it."""

  @override
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    return {"v_head.summary.weight": (1, size), "v_head.summary.bias": (1,)}

  @override
  def fold(self, read: Read, unembedding: str) -> Score:
    del unembedding
    kernel, bias = map(read, self.tensors(0))
    return _linear(kernel[0], bias[0])


class TokenClasses(Head):
  """A classifier of tokens with two classes: a softmax over bad and good."""

  @override
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    return {"score.weight": (2, size), "score.bias": (2,)}

  @override
  def fold(self, read: Read, unembedding: str) -> Score:
    del unembedding
    kernel, bias = (
      np.asarray(read(name), np.float32) for name in self.tensors(0)
    )
    return _linear(kernel[1] - kernel[0], bias[1] - bias[0])


class OwnFile(Head):
  """A linear layer in a file of its own."""

  own_file = True

  @override
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    return {"weight": (1, size), "bias": (1,)}

  @override
  def fold(self, read: Read, unembedding: str) -> Score:
    del unembedding
    kernel, bias = map(read, self.tensors(0))
    return _linear(kernel[0], bias[0])


class OneLogit(Head):
  """A classifier of texts with one label, as models of preferences have.

  Attributes:
    name: of its tensor.
  """

  module = PreferenceScore

  def __init__(self, name: str):
    self.name = name

  @override
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    return {self.name: (1, size)}

  @override
  def fold(self, read: Read, unembedding: str) -> Score:
    del unembedding
    return _linear(read(self.name)[0], 0.0)


class TwoClasses(Head):
  """Two layers with ReLU between them, and a softmax over bad and good."""

  module = TwoLayerScore

  @override
  def tensors(self, size: int) -> Mapping[str, tuple[int, ...]]:
    return {
      "score.0.weight": (size, size),
      "score.0.bias": (size,),
      "score.2.weight": (2, size),
      "score.2.bias": (2,),
    }

  @override
  def fold(self, read: Read, unembedding: str) -> Score:
    del unembedding
    inner, inner_bias, outer, outer_bias = (
      np.asarray(read(name), np.float32) for name in self.tensors(0)
    )
    return {
      "inner_kernel": np.ascontiguousarray(inner.T),
      "inner_bias": inner_bias,
      **_linear(outer[1] - outer[0], outer_bias[1] - outer_bias[0]),
    }


def _linear(kernel: np.ndarray, bias: float) -> Score:
  return {
    "kernel": np.asarray(kernel, np.float32),
    "bias": np.asarray(bias, np.float32),
  }
