"""Checkpoints by their names on the Hugging Face hub."""

import pathlib
import re

import huggingface_hub
from huggingface_hub import errors

_ALWAYS = ("*.json", "*.jinja", "tokenizer.model")
_SAFETENSORS = "model*.safetensors"  # not a second copy, "consolidated"
_PICKLES = "pytorch_model*.bin"
_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def is_name(source: str) -> bool:
  """Tells whether a source looks like "org/name"."""
  return _NAME.fullmatch(source) is not None


def download(name: str) -> pathlib.Path:
  """Fetches the files of a checkpoint that are needed, or finds them cached.

  Args:
    name: "org/name".

  Returns:
    The folder in the hub's cache.

  Raises:
    FileNotFoundError: where there is no such checkpoint, or no way to it.
  """
  try:
    folder = _fetch(name, _SAFETENSORS)
    if not any(folder.glob(_SAFETENSORS)):
      folder = _fetch(name, _PICKLES)
  except errors.GatedRepoError as error:
    raise FileNotFoundError(
      f"{name} on huggingface.co asks for an agreement. Accept it on "
      f"https://huggingface.co/{name} and log in: hf auth login."
    ) from error
  except errors.RepositoryNotFoundError as error:
    raise FileNotFoundError(
      f"{name} is neither a folder here nor a model on huggingface.co. Check "
      "its name; if it is private, log in: hf auth login."
    ) from error
  except (OSError, errors.LocalEntryNotFoundError) as error:
    raise FileNotFoundError(
      f"{name} is no folder here, and huggingface.co cannot be reached to "
      f"fetch it ({_first_line(error)}). Give the path of a checkpoint folder, "
      f"or run where there is a network: hf download {name}; it is then found "
      "in the cache."
    ) from error
  return folder


def _fetch(name: str, weights: str) -> pathlib.Path:
  patterns = [*_ALWAYS, weights]
  # Folders inside hold the same weights in other formats.
  return pathlib.Path(
    huggingface_hub.snapshot_download(
      name, allow_patterns=patterns, ignore_patterns=["*/*"]
    )
  )


def _first_line(error: Exception) -> str:
  return (str(error).splitlines() or [type(error).__name__])[0]
