"""Tensors that are drawn, for models that stand in for published ones."""

import zlib
from collections.abc import Mapping

import numpy as np
from typing_extensions import override

from inference_scaling.models.sources import base


class RandomWeights(base.TensorSource):
  """Random tensors, each a function of its name alone.

  Matrices keep the size of what they map; norms do nothing. What such a model
  writes means nothing, but it takes the same programs as the published one.
  """

  def __init__(
    self,
    name: str,
    shapes: Mapping[str, base.Shape],
    norm_offset: float = 0.0,
  ):
    """Names the tensors.

    Args:
      name: of the model, for errors.
      shapes: by the tensors' names of Hugging Face.
      norm_offset: added to the weights of norms where they are used.
    """
    self.where = name
    self._norm = np.float32(1.0 - norm_offset)
    self._shapes = dict(shapes)

  @property
  @override
  def shapes(self) -> Mapping[str, base.Shape]:
    return self._shapes

  @override
  def read(self, name: str) -> np.ndarray:
    shape = self._shapes[name]
    if len(shape) == 1:
      return np.full(
        shape, self._norm if name.endswith("weight") else 0.0, np.float32
      )
    rng = np.random.default_rng(zlib.crc32(f"{self.where} {name}".encode()))
    values = rng.standard_normal(shape, np.float32)
    return values * np.float32(shape[-1] ** -0.5)
