"""How the rotary frequencies of a GGUF file are scaled."""

import math
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Quantization

from inference_scaling.models.sources.gguf import header as gguf_header
from inference_scaling.models.sources.gguf import names as gguf_names
from inference_scaling.models.sources.gguf import values

# What Llama 3.1 and later were trained with; only the factor differs.
_LOW, _HIGH, _ORIGINAL_LENGTH = 1.0, 4.0, 8192


def read_scaling(
  header: gguf_header.Header,
  read: values.Reader,
  head_dim: int,
  theta: float,
) -> dict[str, Any] | None:
  """Reads how rotary frequencies are scaled, as config.json has it.

  Args:
    header: of the file.
    read: looks its keys up.
    head_dim: H.
    theta: base of the wave lengths.

  Returns:
    What config.json calls rope_scaling; None where nothing is scaled.

  Raises:
    ValueError: where they are scaled in a way that is not supported.
  """
  factor = _factor(read)
  stored = _stored(header)
  if stored is None:
    return None if factor == 1 else {"rope_type": "linear", "factor": factor}
  if factor != 1:
    raise ValueError(
      f"{read.where}: {read.key('rope.scaling.factor')} is {factor}, and there "
      f"are divisors of single frequencies in {gguf_names.ROPE_FACTORS}; only "
      "one of them is supported."
    )
  # Llama 3.1: the file holds the divisor of each frequency, and nothing else.
  largest = float(stored.max()) if stored.size else 0.0
  if (
    largest <= 0
    or len(stored) != (head_dim + 1) // 2
    or not np.allclose(stored, _divisors(head_dim, theta, largest), rtol=1e-3)
  ):
    raise ValueError(
      f"{read.where}: {gguf_names.ROPE_FACTORS} holds divisors of the rotary "
      f"frequencies that are not those of Llama 3.1 with the factor {largest}; "
      "no other scaling is supported."
    )
  return {
    "rope_type": "llama3",
    "factor": largest,
    "low_freq_factor": _LOW,
    "high_freq_factor": _HIGH,
    "original_max_position_embeddings": _ORIGINAL_LENGTH,
  }


def _stored(header: gguf_header.Header) -> np.ndarray | None:
  """Reads the divisor of each frequency, where the file has them."""
  tensor = header.tensors.get(gguf_names.ROPE_FACTORS)
  if tensor is None:
    return None
  if tensor.kind != Quantization.F32:
    raise ValueError(
      f"{tensor.path}: tensor {gguf_names.ROPE_FACTORS} is of another type "
      "than F32; convert the model anew."
    )
  return np.array(tensor.rows().view(np.float32)).reshape(-1)


def _factor(read: values.Reader) -> float:
  """Reads what all rotary frequencies are divided by.

  As in llama.cpp, a factor without a type is linear, rope.scale_linear is an
  older name of it, and 0 is none.
  """
  kind = read.metadata.get(read.key("rope.scaling.type"))
  if kind not in (None, "none", "linear"):
    raise ValueError(
      f"{read.where}: {read.key('rope.scaling.type')}: rope_type is {kind!r}; "
      "expected none or linear."
    )
  names = ("rope.scaling.factor", "rope.scale_linear")
  factors = {
    name: read.scale(name) for name in names if read.key(name) in read.metadata
  }
  if kind == "linear" and not factors:
    raise ValueError(
      f"{read.where}: {read.key(names[0])} is missing, which "
      f"{read.key('rope.scaling.type')} 'linear' needs."
    )
  given = set(factors.values()) | ({1.0} if kind == "none" else set())
  if len(given) > 1:
    listed = ", ".join(f"{read.key(k)} {v}" for k, v in factors.items())
    raise ValueError(
      f"{read.where}: {listed} and {read.key('rope.scaling.type')} {kind!r} "
      "say different things; keep one."
    )
  return max(given, default=1.0)


def _divisors(head_dim: int, theta: float, factor: float) -> list[float]:
  """Computes the divisors that llama.cpp writes for Llama 3.1."""
  divisors = []
  for i in range(0, head_dim, 2):
    turns = _ORIGINAL_LENGTH / (2 * math.pi * theta ** (i / head_dim))
    smooth = np.clip((turns - _LOW) / (_HIGH - _LOW), 0.0, 1.0)
    divisors.append(1 / ((1 - smooth) / factor + smooth))
  return divisors
