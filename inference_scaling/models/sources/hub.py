"""Checkpoints by their names on the Hugging Face hub."""

import pathlib
import re
from collections.abc import Callable

import huggingface_hub
from huggingface_hub import errors

from inference_scaling.models.sources import torch_folder

_CONFIG = ("config.json", "generation_config.json")
_ALWAYS = ("*.json", "*.jinja", "tokenizer.model", torch_folder.HEAD)
_SAFETENSORS = "model*.safetensors"  # not a second copy, "consolidated"
_PICKLES = "pytorch_model*.bin"
# Names on the hub begin with a letter or a digit: "./x" and "../x" are paths.
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
# A file of such a name is one of several quantisations, so it is named, too.
_FILE = re.compile(rf"({_NAME.pattern})/([\w.-]+\.gguf)", re.IGNORECASE)


def is_name(source: str) -> bool:
  """Tells whether a source looks like "org/name"."""
  return _NAME.fullmatch(source) is not None


def is_file_name(source: str) -> bool:
  """Tells whether a source looks like "org/name/file.gguf", and no path."""
  first = pathlib.Path(source).parts[0]
  return (
    _FILE.fullmatch(source) is not None and not pathlib.Path(first).exists()
  )


def download_file(source: str) -> pathlib.Path:
  """Fetches a GGUF file of the hub, or finds it cached.

  Args:
    source: "org/name/file.gguf".

  Returns:
    The file in the hub's cache.

  Raises:
    FileNotFoundError: where there is no such file, or no way to it.
  """
  match = _FILE.fullmatch(source)
  assert match is not None, source
  name, file = match.groups()
  return _explained(
    name, lambda: pathlib.Path(huggingface_hub.hf_hub_download(name, file))
  )


def download(name: str) -> pathlib.Path:
  """Fetches the files of a checkpoint that are needed, or finds them cached.

  Args:
    name: "org/name".

  Returns:
    The folder in the hub's cache.

  Raises:
    FileNotFoundError: where there is no such checkpoint, or no way to it.
  """

  def fetch() -> pathlib.Path:
    folder = _fetch(name, *_ALWAYS, _SAFETENSORS)
    if not any(folder.glob(_SAFETENSORS)):
      folder = _fetch(name, *_ALWAYS, _PICKLES)
    return folder

  return _explained(name, fetch)


def download_config(name: str) -> pathlib.Path:
  """Fetches the config of a checkpoint alone, or finds it cached.

  Args:
    name: "org/name".

  Returns:
    A folder in the hub's cache, which need not hold any weights.

  Raises:
    FileNotFoundError: as `download`.
  """
  return _explained(name, lambda: _fetch(name, *_CONFIG))


def _explained(name: str, fetch: Callable[[], pathlib.Path]) -> pathlib.Path:
  """Fetches from a repository; says what is wrong with it where that fails."""
  try:
    return fetch()
  except errors.RemoteEntryNotFoundError as error:
    raise FileNotFoundError(
      f"{name} on huggingface.co has no such file ({_first_line(error)}). See "
      f"https://huggingface.co/{name}/tree/main for its files."
    ) from error
  except errors.GatedRepoError as error:
    raise FileNotFoundError(
      f"{name} on huggingface.co asks for an agreement. Accept it on "
      f"https://huggingface.co/{name} and log in: hf auth login."
    ) from error
  except errors.RepositoryNotFoundError as error:
    raise FileNotFoundError(
      f"{name} is neither a folder{_beside(name)} nor a model on "
      "huggingface.co. Check its name; if it is private, log in: hf auth login."
    ) from error
  except errors.HFValidationError as error:
    raise FileNotFoundError(
      f"{name} is no folder{_beside(name)}, and no name of a model on "
      "huggingface.co. Give the path of a checkpoint folder, or org/name."
    ) from error
  except (OSError, errors.LocalEntryNotFoundError) as error:
    raise FileNotFoundError(
      f"{name} is no folder{_beside(name)}, and huggingface.co cannot be "
      "reached to "
      f"fetch it ({_first_line(error)}). Give the path of a checkpoint folder, "
      f"or run where there is a network: hf download {name}; it is then found "
      "in the cache."
    ) from error


def _beside(name: str) -> str:
  """Says so where the first half of a name is a folder: it may be a path."""
  parent = pathlib.Path(name).parent
  if not parent.is_dir():
    return ""
  return f" (the folder {parent} is there, but there is no {name})"


def _fetch(name: str, *patterns: str) -> pathlib.Path:
  # Folders inside hold the same weights in other formats.
  return pathlib.Path(
    huggingface_hub.snapshot_download(
      name, allow_patterns=[*patterns], ignore_patterns=["*/*"]
    )
  )


def _first_line(error: Exception) -> str:
  return (str(error).splitlines() or [type(error).__name__])[0]
