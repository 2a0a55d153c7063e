"""Which tensor of an HF checkpoint is which parameter, in both ways.

The table is written once for each family and read in both directions. A
checkpoint must match it exactly: every tensor missing, left over or of another
shape is an error.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from inference_scaling.models import families
from inference_scaling.models.layers import architecture

Entry = families.Entry
Part, Rows = families.Part, families.Rows
Path = tuple[str | int, ...]
Parameters = dict[Any, Any]  # nested, by names and by the indices of layers
Shape = tuple[int, ...]


def policy_layout(config: architecture.DecoderConfig) -> list[Entry]:
  """Lists the parameters of a language model.

  Args:
    config: the architecture.

  Returns:
    One entry a parameter.
  """
  entries = decoder_layout(config)
  if not config.tie_word_embeddings:
    name = families.FAMILIES[config.family].unembedding
    entries.append(Entry(name, ("unembedding",)))
  return entries


def reward_layout(config: architecture.DecoderConfig) -> list[Entry]:
  """Lists the parameters of a reward model: a decoder and a scalar head.

  Args:
    config: the architecture.

  Returns:
    One entry a parameter.
  """
  return [
    *decoder_layout(config, ("decoder",)),
    Entry("score.weight", ("score", "kernel"), transpose=True),
    Entry("score.bias", ("score", "bias")),
  ]


def decoder_layout(
  config: architecture.DecoderConfig, prefix: Path = ()
) -> list[Entry]:
  """Lists the parameters of a decoder, without an unembedding of its own.

  Args:
    config: the architecture.
    prefix: the first keys of each path.

  Returns:
    One entry a parameter.
  """
  return families.FAMILIES[config.family].entries(config, prefix)


def is_redundant(name: str, config: architecture.DecoderConfig) -> bool:
  """Tells whether a stored tensor adds nothing to the others and the config.

  Old checkpoints hold buffers such as causal masks and rotary frequencies,
  and some writers store a tied unembedding a second time.

  Args:
    name: of the tensor.
    config: the architecture.

  Returns:
    Whether a reader should leave it out.
  """
  family = families.FAMILIES[config.family]
  if re.fullmatch(family.buffers, name):
    return True
  return config.tie_word_embeddings and name == family.unembedding


def tied_pair(config: architecture.DecoderConfig) -> tuple[str, str] | None:
  """Names the embedding and the unembedding that is tied to it.

  Args:
    config: the architecture.

  Returns:
    Names of the tensors, the latter of which need not be stored; None where
    they are not tied.
  """
  if not config.tie_word_embeddings:
    return None
  (embedding,) = (
    entry.name
    for entry in decoder_layout(config)
    if entry.path == ("embedding",)
  )
  return embedding, families.FAMILIES[config.family].unembedding


def stored_shapes(
  entries: Iterable[Entry], shapes: Parameters
) -> dict[str, Shape]:
  """Computes the shapes of the tensors of a checkpoint.

  Args:
    entries: the layout.
    shapes: nested dict of the parameters' shapes (anything with `.shape`).

  Returns:
    Shapes by tensor name.
  """
  stored = {}
  for entry in entries:
    shape = tuple(get(shapes, entry.path).shape)
    shape = shape[::-1] if entry.transpose else shape
    if isinstance(entry.part, Part):
      shape = (3 * shape[0], *shape[1:])
    elif isinstance(entry.part, Rows):
      shape = (entry.part.total, *shape[1:])
    stored[entry.name] = shape
  return stored


def check(
  stored: Mapping[str, Shape],
  entries: Iterable[Entry],
  shapes: Parameters,
  source: str,
) -> None:
  """Holds the tensors of a checkpoint against those that it should have.

  Args:
    stored: shapes by tensor name.
    entries: the layout.
    shapes: nested dict of the parameters' shapes (anything with `.shape`).
    source: where the tensors come from, for the error.

  Raises:
    ValueError: lists all missing, unexpected and misshapen tensors, sorted.
  """
  expected = stored_shapes(entries, shapes)
  problems = [
    f"missing: {name} {expected[name]}"
    for name in sorted(set(expected) - set(stored))
  ]
  problems += [
    f"unexpected: {name} {tuple(stored[name])}"
    for name in sorted(set(stored) - set(expected))
  ]
  problems += [
    f"misshapen: {name} is {tuple(stored[name])}, expected {shape}"
    for name, shape in sorted(expected.items())
    if name in stored and tuple(stored[name]) != shape
  ]
  if problems:
    raise ValueError(
      f"{source} does not hold the tensors that its config.json asks for:\n  "
      + "\n  ".join(problems)
    )


def to_parameter(entry: Entry, stored: np.ndarray) -> np.ndarray:
  """Takes one parameter out of a tensor of the checkpoint.

  Args:
    entry: which.
    stored: the tensor of its name.

  Returns:
    The parameter, a view where it can be one.
  """
  if isinstance(entry.part, Part):
    fused = _split_fused(stored, entry.part.heads)
    stored = fused[:, entry.part.index].reshape(-1, *stored.shape[1:])
  elif isinstance(entry.part, Rows):
    stored = stored[entry.part.start : entry.part.stop]
  return stored.T if entry.transpose else stored


def to_stored(entries: list[Entry], values: list[np.ndarray]) -> np.ndarray:
  """Makes one tensor of a checkpoint; undoes `to_parameter`.

  Args:
    entries: all entries of one name; several for a fused tensor.
    values: their parameters, in the same order.

  Returns:
    The tensor, contiguous.
  """
  pairs = zip(entries, values, strict=True)
  rows = [value.T if entry.transpose else value for entry, value in pairs]
  parts = [entry.part for entry in entries if entry.part is not None]
  if not parts:
    return np.ascontiguousarray(rows[0])
  total = 3 * len(rows[0]) if isinstance(parts[0], Part) else parts[0].total
  stored = np.empty((total, *rows[0].shape[1:]), rows[0].dtype)
  for part, row in zip(parts, rows, strict=True):
    if isinstance(part, Part):
      fused = _split_fused(stored, part.heads)
      fused[:, part.index] = row.reshape(fused[:, 0].shape)
    else:
      stored[part.start : part.stop] = row
  return stored


def by_name(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
  """Gathers the entries of each tensor: one, or the parts of a fused one."""
  grouped: dict[str, list[Entry]] = {}
  for entry in entries:
    grouped.setdefault(entry.name, []).append(entry)
  return grouped


def _split_fused(stored: np.ndarray, heads: int) -> np.ndarray:
  """Views rows [heads * 3 * H, ...] as [heads, 3, H, ...]."""
  return stored.reshape(heads, 3, -1, *stored.shape[1:])


def get(tree: Parameters, path: Path) -> Any:
  """Looks a value up in a nested dict."""
  for key in path:
    tree = tree[key]
  return tree


def put(tree: Parameters, path: Path, value: Any) -> None:
  """Puts a value into a nested dict, and the dicts above it as needed."""
  for key in path[:-1]:
    tree = tree.setdefault(key, {})
  tree[path[-1]] = value
