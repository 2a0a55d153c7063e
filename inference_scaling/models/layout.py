"""Which tensor of an HF checkpoint is which parameter here, in both ways.

The table is written once and read in both directions. A checkpoint must match
it exactly: every tensor missing, left over or of another shape is an error.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from inference_scaling.models import config as config_lib

Path = tuple[str | int, ...]
Parameters = dict[str | int, Any]


class Entry(NamedTuple):
  """One parameter.

  Attributes:
    name: of the tensor in the checkpoint.
    path: keys to the parameter in the nested dict.
    transpose: whether the checkpoint holds the transposed matrix.
  """

  name: str
  path: Path
  transpose: bool = False


_OUTER = (
  ("embed_tokens.weight", ("embedding",), False),
  ("norm.weight", ("final_norm", "scale"), False),
)
# PyTorch's linear layers hold [out, in]; the kernels here are [in, out].
_LAYER = (
  ("input_layernorm.weight", ("attention_norm", "scale"), False),
  ("self_attn.q_proj.weight", ("attention", "query", "kernel"), True),
  ("self_attn.k_proj.weight", ("attention", "key", "kernel"), True),
  ("self_attn.v_proj.weight", ("attention", "value", "kernel"), True),
  ("self_attn.o_proj.weight", ("attention", "output", "kernel"), True),
  ("post_attention_layernorm.weight", ("mlp_norm", "scale"), False),
  ("mlp.gate_proj.weight", ("mlp", "gate", "kernel"), True),
  ("mlp.up_proj.weight", ("mlp", "up", "kernel"), True),
  ("mlp.down_proj.weight", ("mlp", "down", "kernel"), True),
)


def policy_layout(config: config_lib.DecoderConfig) -> list[Entry]:
  """Lists the parameters of a language model.

  Args:
    config: the architecture.

  Returns:
    One entry a parameter.
  """
  entries = _decoder_layout(config, ())
  if not config.tie_word_embeddings:
    entries.append(Entry("lm_head.weight", ("unembedding",)))
  return entries


def reward_layout(config: config_lib.DecoderConfig) -> list[Entry]:
  """Lists the parameters of a reward model: a decoder and a scalar head.

  Args:
    config: the architecture.

  Returns:
    One entry a parameter.
  """
  return [
    *_decoder_layout(config, ("decoder",)),
    Entry("score.weight", ("score", "kernel"), transpose=True),
    Entry("score.bias", ("score", "bias")),
  ]


def from_checkpoint(
  tensors: Mapping[str, Any],
  entries: list[Entry],
  shapes: Parameters,
  source: str,
) -> Parameters:
  """Arranges the tensors of a checkpoint as parameters.

  Args:
    tensors: by name.
    entries: the layout.
    shapes: nested dict of the parameters' shapes (anything with `.shape`).
    source: where the tensors come from, for the error.

  Returns:
    The parameters, as a nested dict.

  Raises:
    ValueError: lists all missing, unexpected and misshapen tensors, sorted.
  """
  expected = {entry.name: _stored_shape(entry, shapes) for entry in entries}
  problems = [
    f"missing: {name} {expected[name]}"
    for name in sorted(set(expected) - set(tensors))
  ]
  problems += [
    f"unexpected: {name} {tuple(tensors[name].shape)}"
    for name in sorted(set(tensors) - set(expected))
  ]
  problems += [
    f"misshapen: {name} is {tuple(tensors[name].shape)}, expected {shape}"
    for name, shape in sorted(expected.items())
    if name in tensors and tuple(tensors[name].shape) != shape
  ]
  if problems:
    raise ValueError(
      f"{source} does not hold the tensors that its config.json asks for:\n  "
      + "\n  ".join(problems)
    )
  parameters: Parameters = {}
  for entry in entries:
    value = tensors[entry.name]
    _put(parameters, entry.path, value.T if entry.transpose else value)
  return parameters


def to_checkpoint(
  parameters: Parameters, entries: list[Entry]
) -> dict[str, np.ndarray]:
  """Arranges parameters as the tensors of a checkpoint.

  Args:
    parameters: nested dict.
    entries: the layout.

  Returns:
    Arrays by tensor name.
  """
  tensors = {}
  for entry in entries:
    value = np.asarray(jax.device_get(_get(parameters, entry.path)))
    stored = value.T if entry.transpose else value
    tensors[entry.name] = np.ascontiguousarray(stored)
  return tensors


def _decoder_layout(
  config: config_lib.DecoderConfig, prefix: Path
) -> list[Entry]:
  entries = [
    Entry(f"model.{name}", (*prefix, *path), transpose)
    for name, path, transpose in _OUTER
  ]
  for layer in range(config.num_layers):
    entries += [
      Entry(
        f"model.layers.{layer}.{name}",
        (*prefix, "layers", layer, *path),
        transpose,
      )
      for name, path, transpose in _LAYER
    ]
  return entries


def _stored_shape(entry: Entry, shapes: Parameters) -> tuple[int, ...]:
  shape = tuple(_get(shapes, entry.path).shape)
  return shape[::-1] if entry.transpose else shape


def _get(tree: Parameters, path: Path) -> Any:
  for key in path:
    tree = tree[key]
  return tree


def _put(tree: Parameters, path: Path, value: Any) -> None:
  for key in path[:-1]:
    tree = tree.setdefault(key, {})
  tree[path[-1]] = value
