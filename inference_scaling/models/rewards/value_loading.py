"""Opens and loads value heads, with the policies that are their bodies."""

import dataclasses
import pathlib
from typing import Any

import jax

from inference_scaling.models.checkpoints import checkpoint as checkpoint_lib
from inference_scaling.models.checkpoints import (
  layout,
  loading,
)
from inference_scaling.models.layers import architecture
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.quantisation import formats, modules
from inference_scaling.models.rewards import value_file, value_head


@dataclasses.dataclass(frozen=True)
class Opened:
  """A value head and its body, before weights are loaded.

  Attributes:
    folder: of the head.
    description: what the head was trained on.
    whole: the body's checkpoint, a policy.
  """

  folder: pathlib.Path
  description: value_file.Description
  whole: checkpoint_lib.Checkpoint

  @property
  def checkpoint(self) -> checkpoint_lib.Checkpoint:
    """The body cut after the last layer that is read, and files of both."""
    mine = value_file.files(self.folder)
    return dataclasses.replace(
      self.whole,
      config=value_head.body_config(self.whole.config, self.description.layers),
      list_files=lambda: [*self.whole.list_files(), *mine],
    )


def open_value_head(folder: str | pathlib.Path, body: str = "") -> Opened:
  """Opens a value head and its body.

  Args:
    folder: of the head.
    body: checkpoint of the policy that is its body, as `open_checkpoint` takes
      it; "" for the one that the head names.

  Returns:
    Both.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where the folder holds no value head, or the body is not of the
      head's width or lacks a layer.
  """
  description = value_file.read_description(folder)
  whole = checkpoint_lib.open_checkpoint(body or description.body)
  whole.require()
  size = whole.config.hidden_size
  if size != description.hidden_size:
    raise ValueError(
      f"the value head in {folder} reads hidden states of "
      f"{description.hidden_size} numbers, but its body, {whole.where}, has "
      f"{size}; it was trained on {description.body}. Give that checkpoint."
    )
  try:
    value_head.body_config(whole.config, description.layers)
  except ValueError as error:
    raise ValueError(f"the value head in {folder}: {error}") from error
  return Opened(pathlib.Path(folder), description, whole)


@dataclasses.dataclass(frozen=True, eq=False)
class HeadAlone:
  """A value head without its body, for a policy that is the body.

  Attributes:
    config: of the body, cut after the last layer that is read.
    layers: that are read, counted from 1.
    weights: float32 arrays by name, as of `value_head.log_odds`.
  """

  config: architecture.DecoderConfig
  layers: tuple[int, ...]
  weights: dict[str, jax.Array]


def load_value_head(
  folder: str | pathlib.Path,
  *,
  body: str = "",
  mesh: jax.sharding.Mesh | None = None,
) -> HeadAlone:
  """Loads a value head, and nothing of its body.

  Args:
    folder: of the head.
    body: as of `open_value_head`.
    mesh: as `load_model`.

  Returns:
    The head.

  Raises:
    FileNotFoundError: as `open_value_head`.
    ValueError: as `open_value_head`.
  """
  opened = open_value_head(folder, body)
  return HeadAlone(
    opened.checkpoint.config,
    opened.description.layers,
    _weights(opened, mesh),
  )


def load_value_model(
  folder: str | pathlib.Path,
  *,
  body: str = "",
  dtype: str = "float32",
  mesh: jax.sharding.Mesh | None = None,
) -> value_head.ValueModel:
  """Loads a value head and as much of its body as it reads.

  Args:
    folder: of the head.
    body: as of `open_value_head`.
    dtype: as `load_model`, of the body; the head is float32.
    mesh: as `load_model`.

  Returns:
    The model.

  Raises:
    FileNotFoundError: as `open_value_head`.
    ValueError: as `open_value_head` and `load_model`, or where the tokenizer of
      the body is not the one that the head was trained with.
  """
  formats.check(dtype, mesh)
  opened = open_value_head(folder, body)
  description, checkpoint = opened.description, opened.checkpoint
  weights = _weights(opened, mesh)
  tokenizer = checkpoint.tokenizer()
  if value_file.vocabulary_sha256(tokenizer) != description.vocabulary_sha256:
    raise ValueError(
      f"the value head in {folder} was trained with the tokens of "
      f"{description.body}, and those of its body, {checkpoint.where}, are "
      "others. Give the checkpoint that it was trained on."
    )
  config = checkpoint.config
  one_key: Any = decoder_lib.OneKey()  # shapes need no others
  graph, shapes = modules.shapes(
    lambda: value_head.ValueReward(
      config, description.layers, description.width, one_key
    ),
    dtype,
  )
  entries = layout.decoder_layout(config, ("decoder",))
  params = loading.load_parameters(
    checkpoint, entries, {"decoder": shapes["decoder"]}, dtype=dtype,
    mesh=mesh, others=_unread(opened, entries),
  )  # fmt: skip
  params["score"] = weights
  return value_head.ValueModel(
    config, params, tokenizer, graph, hardware=hardware_lib.of_mesh(mesh)
  )


def _weights(
  opened: Opened, mesh: jax.sharding.Mesh | None
) -> dict[str, jax.Array]:
  """The head's weights, whole on each device."""
  weights = value_file.read_weights(opened.folder, opened.description)
  return {
    name: loading.replicate(value, mesh) for name, value in weights.items()
  }


def _unread(
  opened: Opened, entries: list[layout.Entry]
) -> dict[str, tuple[int, ...]]:
  """Shapes of the body's tensors beyond the last layer that is read."""
  whole = opened.whole.config
  names = {entry.name for entry in layout.decoder_layout(whole, ("decoder",))}
  names -= {entry.name for entry in entries}
  stored = opened.whole.tensors.shapes
  return {name: stored[name] for name in names if name in stored}
