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
  kind = _kind(read, (None, "none", "linear", "yarn"))
  factor = _factor(read, kind)
  stored = _stored(header, gguf_names.ROPE_FACTORS)
  if stored is None:
    if kind == "yarn":
      return _yarn(read, factor)
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


def read_longrope(
  header: gguf_header.Header, read: values.Reader, rotary_dim: int
) -> dict[str, Any] | None:
  """Reads the divisors of single frequencies of Phi-3.

  Args:
    header: of the file.
    read: looks its keys up.
    rotary_dim: R.

  Returns:
    As `read_scaling`.

  Raises:
    ValueError: as `read_scaling`.
  """
  _kind(read, (None, "none", "longrope"))
  names = {
    "short_factor": gguf_names.SHORT_FACTORS,
    "long_factor": gguf_names.LONG_FACTORS,
  }
  stored = {key: _stored(header, name) for key, name in names.items()}
  missing = [names[key] for key, value in stored.items() if value is None]
  if len(missing) == len(names):
    read.expect(
      "rope.scaling.attn_factor", 1, "without divisors of frequencies"
    )
    return None
  if missing:
    raise ValueError(
      f"{read.where}: {missing[0]} is missing, which stands beside "
      f"{names['long_factor']}; convert the model anew."
    )
  scaling: dict[str, Any] = {"rope_type": "longrope"}
  for key, value in stored.items():
    assert value is not None
    if len(value) != rotary_dim // 2:
      raise ValueError(
        f"{read.where}: {names[key]} has {len(value)} divisors, and "
        f"{read.key('rope.dimension_count')} is {rotary_dim}; expected one for "
        "every two."
      )
    scaling[key] = [float(divisor) for divisor in value]
  factor = read.number("rope.scaling.attn_factor")
  return scaling if factor is None else scaling | {"attention_factor": factor}


def original_length(read: values.Reader) -> int | None:
  """Reads the longest sequence before the stretch."""
  return read.count("rope.scaling.original_context_length")


def _yarn(read: values.Reader, factor: float) -> dict[str, Any]:
  """Writes YaRN as config.json does; llama.cpp has the same defaults."""
  scaling = {
    "rope_type": "yarn",
    "factor": factor,
    "original_max_position_embeddings": original_length(read)
    or read.count("context_length"),
  }
  for name in ("beta_fast", "beta_slow"):
    stated = read.number(f"rope.scaling.yarn_{name}")
    scaling |= {} if stated is None else {name: stated}
  return scaling


def _stored(header: gguf_header.Header, name: str) -> np.ndarray | None:
  """Reads the divisor of each frequency, where the file has them."""
  tensor = header.tensors.get(name)
  if tensor is None:
    return None
  if tensor.kind != Quantization.F32:
    raise ValueError(
      f"{tensor.path}: tensor {name} is of another type than F32; convert the "
      "model anew."
    )
  return np.array(tensor.rows().view(np.float32)).reshape(-1)


def _kind(read: values.Reader, known: tuple[str | None, ...]) -> str | None:
  """Reads of which kind the scaling is."""
  kind = read.metadata.get(read.key("rope.scaling.type"))
  if kind not in known:
    raise ValueError(
      f"{read.where}: {read.key('rope.scaling.type')}: rope_type is {kind!r}; "
      f"expected {' or '.join(str(name) for name in known if name)}."
    )
  return kind


def _factor(read: values.Reader, kind: str | None) -> float:
  """Reads what all rotary frequencies are divided by.

  As in llama.cpp, a factor without a type is linear, rope.scale_linear is an
  older name of it, and 0 is none.
  """
  names = ("rope.scaling.factor", "rope.scale_linear")
  factors = {
    name: read.scale(name) for name in names if read.key(name) in read.metadata
  }
  if kind in ("linear", "yarn") and not factors:
    raise ValueError(
      f"{read.where}: {read.key(names[0])} is missing, which "
      f"{read.key('rope.scaling.type')} {kind!r} needs."
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
