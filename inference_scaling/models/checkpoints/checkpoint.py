"""One interface for all kinds of checkpoints: config, tensors, tokenizer."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import transformers
from flax import nnx

from inference_scaling import assets
from inference_scaling.models import config as config_lib
from inference_scaling.models import (
  published,
  sources,
)
from inference_scaling.models.checkpoints import layout
from inference_scaling.models.layers import decoder
from inference_scaling.models.sources import torch_folder
from inference_scaling.models.text import tokenizer as tokenizer_lib

_GGUF = ".gguf"
_TOKENS_OF = f"{assets.PREFIX}policy_small"
Tokenizer = transformers.PreTrainedTokenizerFast


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
  """What a checkpoint says of itself; its weights are read one by one.

  Attributes:
    where: the folder or file, or the name of a random model.
    config_file: where the architecture is written, for errors.
    raw: contents of config.json, or what the metadata of a GGUF file says.
    config: the architecture.
    open_tensors: opens the tensors.
    read_tokenizer: reads the tokenizer.
    list_files: lists the files that decide what the model computes.
  """

  where: str
  config_file: str
  raw: dict[str, Any]
  config: config_lib.DecoderConfig
  open_tensors: Callable[[], sources.TensorSource]
  read_tokenizer: Callable[[], Tokenizer]
  list_files: Callable[[], list[pathlib.Path]]

  @property
  def architectures(self) -> tuple[str, ...]:
    """Names of the architecture; those of Hugging Face, or this package's."""
    return tuple(self.raw["architectures"])

  @functools.cached_property
  def tensors(self) -> sources.TensorSource:
    """The tensors. The first use reads their names and shapes."""
    return self.open_tensors()

  def tokenizer(self) -> Tokenizer:
    """Reads the tokenizer and holds it against the embedding.

    Returns:
      The tokenizer, with the checkpoint's chat template.

    Raises:
      FileNotFoundError: where there is none.
      ValueError: where it is broken or has tokens beyond the embedding.
    """
    tokenizer = self.read_tokenizer()
    where = pathlib.Path(self.where)
    if where.is_dir():
      where = where / tokenizer_lib.TOKENIZER
    tokenizer_lib.check_vocabulary(
      tokenizer, self.config.vocab_size, str(where)
    )
    return tokenizer

  def files(self) -> list[pathlib.Path]:
    """Lists the files that decide what the model computes, sorted by name."""
    return sorted(self.list_files(), key=lambda path: path.name)

  def require(self, *architectures: str) -> None:
    """Checks that this is a checkpoint of some architecture.

    Args:
      *architectures: those that will do; none for language models.

    Raises:
      ValueError: where it is of another.
    """
    _parse(self.raw, architectures, self.config_file)


def open_checkpoint(source: str | pathlib.Path) -> Checkpoint:
  """Looks at a checkpoint; reads its config or metadata, not its weights.

  Args:
    source: a folder in Hugging Face format, a GGUF file, a folder that
      launch/convert.py has made, the name of an embedded model, a name on the
      Hugging Face hub, "org/name" or "org/name/file.gguf", or "random/" and
      the name of a published architecture, for a tiny random model like it.

  Returns:
    The checkpoint.

  Raises:
    FileNotFoundError: where a file is missing or a name cannot be resolved.
    ValueError: where a file is broken or the architecture not supported.
  """
  if not str(source):  # an empty path would be the current folder
    raise ValueError(
      "the name of a checkpoint is empty. Give the path of a checkpoint folder "
      "or GGUF file, the name of an embedded model, or org/name of the hub."
    )
  if str(source).startswith(published.RANDOM_PREFIX):
    return _open_random(str(source))
  path = assets.resolve(str(source))
  is_gguf = path.suffix.lower() == _GGUF
  if not path.exists() and sources.is_hub_file(str(source)):
    path = sources.download_file(str(source))
  if not path.exists() and not is_gguf:
    if not sources.is_hub_name(str(source)):
      raise _missing(source, path)
    path = sources.download(str(source))
  if is_gguf and not path.is_dir():
    return _open_gguf(path)
  if sources.is_orbax_folder(path):
    return _open_orbax(path)
  return _open_folder(path)


def read_architecture(source: str | pathlib.Path) -> config_lib.DecoderConfig:
  """Reads the architecture of a checkpoint, without fetching its weights.

  Args:
    source: as `open_checkpoint`; of a name on the hub, "org/name", the config
      alone is fetched.

  Returns:
    The architecture.

  Raises:
    FileNotFoundError, ValueError: as `open_checkpoint`.
  """
  name = str(source)
  is_here = name.startswith(published.RANDOM_PREFIX) or (
    name and assets.resolve(name).exists()
  )
  if is_here or not sources.is_hub_name(name):
    return open_checkpoint(source).config
  return _open_folder(sources.download_config(name)).config


def _open_folder(folder: pathlib.Path) -> Checkpoint:
  if folder.is_file():
    raise ValueError(
      f"{folder} is a file, but no GGUF file by its name. Give a file that "
      "ends in .gguf, or the folder of a checkpoint in Hugging Face format."
    )
  _point_to_gguf(folder)
  raw = config_lib.read_raw(folder)
  open_tensors = functools.partial(sources.open_folder, folder)
  return Checkpoint(
    where=str(folder),
    config_file=str(folder / config_lib.CONFIG),
    raw=raw,
    config=_parse_any(raw, str(folder / config_lib.CONFIG)),
    open_tensors=open_tensors,
    read_tokenizer=functools.partial(tokenizer_lib.read_tokenizer, folder),
    list_files=lambda: _described(folder) + open_tensors().files,
  )


def _open_orbax(folder: pathlib.Path) -> Checkpoint:
  sources.check_complete(folder)
  raw = config_lib.read_raw(folder)
  config = _parse_any(raw, str(folder / config_lib.CONFIG))

  def open_tensors() -> sources.OrbaxFolder:
    return sources.OrbaxFolder(folder, config, tuple(raw["architectures"]))

  return Checkpoint(
    where=str(folder),
    config_file=str(folder / config_lib.CONFIG),
    raw=raw,
    config=config,
    open_tensors=open_tensors,
    read_tokenizer=functools.partial(tokenizer_lib.read_tokenizer, folder),
    list_files=lambda: _described(folder) + open_tensors().files,
  )


def _open_gguf(path: pathlib.Path) -> Checkpoint:
  header = sources.read_header(path)
  raw = sources.gguf_to_hf(header, str(path))
  config = _parse_any(raw, str(path))

  def open_tensors() -> sources.GgufFile:
    return sources.GgufFile(path, config.num_heads, config.num_kv_heads)

  return Checkpoint(
    where=str(path),
    config_file=str(path),
    raw=raw,
    config=config,
    open_tensors=open_tensors,
    read_tokenizer=lambda: sources.gguf_tokenizer(header.metadata, str(path)),
    list_files=lambda: list(header.files),
  )


def _open_random(source: str) -> Checkpoint:
  """Makes a tiny random model that reads the embedded models' tokens."""
  tokenizer = tokenizer_lib.read_tokenizer(assets.resolve(_TOKENS_OF))
  config = published.tiny_config(source, tokenizer)
  entries = layout.policy_layout(config)
  shapes = nnx.to_pure_dict(
    nnx.state(nnx.eval_shape(lambda: decoder.Decoder(config, nnx.Rngs(0))))
  )
  stored = layout.stored_shapes(entries, shapes)
  return Checkpoint(
    where=source,
    config_file=source,
    raw=config_lib.to_hf(config),
    config=config,
    open_tensors=lambda: sources.RandomWeights(
      source, stored, config.norm_offset
    ),
    read_tokenizer=lambda: tokenizer,
    list_files=lambda: [],
  )


def _parse_any(raw: dict[str, Any], where: str) -> config_lib.DecoderConfig:
  """Reads a config of whatever architecture the families know."""
  named = raw.get("architectures")
  return _parse(raw, tuple(named) if isinstance(named, list) else (), where)


def _parse(
  raw: dict[str, Any], architectures: tuple[str, ...], where: str
) -> config_lib.DecoderConfig:
  try:
    return config_lib.from_hf(raw, architectures or None)
  except ValueError as error:
    raise ValueError(f"{where}: {error}") from error


def _described(folder: pathlib.Path) -> list[pathlib.Path]:
  """The files beside the weights that decide what the model computes."""
  names = (
    config_lib.CONFIG, config_lib.GENERATION, torch_folder.HEAD,
    *tokenizer_lib.FILES,
  )  # fmt: skip
  paths = [folder / name for name in names]
  return [path for path in paths if path.is_file()]


def _missing(
  source: str | pathlib.Path, path: pathlib.Path
) -> FileNotFoundError:
  """Says that a path leads nowhere, and how far it leads."""
  whole = path.absolute()
  parent = next(parent for parent in whole.parents if parent.exists())
  lost = whole.relative_to(parent).parts[0]
  home = path.parts[0] == "~"
  return FileNotFoundError(
    f"the folder {source} does not exist: {parent} is there, but {lost} is not "
    f"in it (looked for {whole / config_lib.CONFIG})."
    f"{' Write ~ out: only a shell knows it.' if home else ''} Give the path "
    "of a checkpoint folder or GGUF file, the name of an embedded model, or a "
    "name on huggingface.co as org/name."
  )


def _point_to_gguf(folder: pathlib.Path) -> None:
  """Explains that a GGUF file is named by itself, not by its folder."""
  names = sorted(
    path.name for path in folder.glob("*") if path.suffix.lower() == _GGUF
  )
  if names and not (folder / config_lib.CONFIG).is_file():
    raise FileNotFoundError(
      f"{folder} has no {config_lib.CONFIG}, but GGUF files: "
      f"{', '.join(names)}. Give the path of one of them, such as "
      f"{folder / names[0]}."
    )
