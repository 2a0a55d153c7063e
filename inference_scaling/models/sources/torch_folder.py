"""Folders of old checkpoints: pytorch_model.bin, or its shards and index.

A reward model may have its head in a file of its own beside the body's.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
from typing_extensions import override

from inference_scaling.models.sources import base, shards

INDEX = "pytorch_model.bin.index.json"
SINGLE = "pytorch_model.bin"
HEAD = "reward_head.pt"


class TorchFolder(base.TensorSource):
  """Tensors of a folder of pickles, which PyTorch maps into memory."""

  def __init__(self, folder: str | pathlib.Path, single: str = SINGLE):
    """Opens the files.

    Args:
      folder: the checkpoint folder.
      single: the name of the file that holds all tensors.

    Raises:
      FileNotFoundError: where a file is missing.
      ValueError: where PyTorch is not installed, a file is cut or holds more
        than tensors, or two files hold the same tensor.
    """
    self.where = str(folder)
    self.files = [pathlib.Path(folder) / single]
    if single == SINGLE:
      self.files = shards.files(pathlib.Path(folder), SINGLE, INDEX)
    self._tensors: dict[str, Any] = {}
    for path in self.files:
      tensors = _open(path)
      shards.check_new(path, tensors, self._tensors)
      self._tensors |= tensors

  @property
  @override
  def shapes(self) -> Mapping[str, base.Shape]:
    return {name: tuple(x.shape) for name, x in self._tensors.items()}

  @override
  def read(self, name: str) -> np.ndarray:
    import torch

    tensor = self._tensors[name].detach()
    if tensor.dtype == torch.bfloat16:  # unknown to numpy
      return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    try:
      return tensor.numpy()
    except (TypeError, RuntimeError) as error:  # quantised, sparse, 8 bits
      raise ValueError(
        f"{self.where}: tensor {name} of {tensor.dtype} cannot be read "
        f"({error}). Save the model in bfloat16 first."
      ) from error


def _open(path: pathlib.Path) -> dict[str, Any]:
  """Maps the tensors of one file into memory, running none of its code."""
  try:
    import torch
  except ImportError as error:
    raise ValueError(
      f"{path} can only be read by PyTorch, which is not installed: "
      "pip install torch. Or look for the same model with *.safetensors files."
    ) from error
  try:
    tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
  except Exception as error:  # of many kinds: zip, pickle, mmap, torch's own
    raise ValueError(
      f"{path} cannot be read as tensors alone ({error}); it has "
      f"{path.stat().st_size} bytes and may be cut, or of a PyTorch before "
      "1.6. Copy it again, or convert it to safetensors."
    ) from error
  if not isinstance(tensors, dict):
    raise ValueError(
      f"{path} holds a {type(tensors).__name__}; expected tensors by name, the "
      "weights of a model."
    )
  others = sorted(
    str(name) for name, value in tensors.items() if not torch.is_tensor(value)
  )
  if others:
    raise ValueError(
      f"{path} holds more than tensors: {', '.join(others)}; expected the "
      "weights of a model alone."
    )
  return tensors
