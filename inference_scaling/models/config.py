"""Architecture of a decoder, read from and written to an HF config.json."""

import dataclasses
import json
import pathlib
from typing import Any

from inference_scaling.models import families
from inference_scaling.models.families import keys, values
from inference_scaling.models.layers import architecture as architecture_lib

DecoderConfig = architecture_lib.DecoderConfig
RopeScaling = architecture_lib.RopeScaling

# This package's own: see rewards/model.py.
REWARD_ARCHITECTURE = "LlamaForStepReward"

# What this package knows of but does not read, and what to do instead.
_INSTEAD = {
  "gemma3": " It reads images, too; of Gemma 3 the text model alone is "
  "supported, model_type gemma3_text: save transformers' Gemma3ForCausalLM, or "
  "take a GGUF file, which holds nothing else.",
}

CONFIG = "config.json"
GENERATION = "generation_config.json"


def read_raw(folder: str | pathlib.Path) -> dict[str, Any]:
  """Reads the contents of config.json.

  Chat models often name the token that ends a turn in generation_config.json
  alone; without it they would write on. Its ends of text are added.

  Args:
    folder: the checkpoint folder.

  Returns:
    The parsed file.

  Raises:
    FileNotFoundError: where there is no config.json.
    ValueError: where a file is cut or holds no object, or its ends of text are
      no ids of tokens.
  """
  path = pathlib.Path(folder) / CONFIG
  raw = _read_object(path)
  generation_path = pathlib.Path(folder) / GENERATION
  if generation_path.is_file():
    size = raw.get("vocab_size")
    ends = _ends(raw, path, size)
    more = _ends(_read_object(generation_path), generation_path, size)
    if not set(more) <= set(ends):
      raw["eos_token_id"] = list(dict.fromkeys([*ends, *more]))
  return raw


def _ends(raw: dict[str, Any], path: pathlib.Path, size: Any) -> list[int]:
  """Ends of text, which may be one, several or none."""
  if not isinstance(size, int):  # which is an error of its own
    return []
  try:
    return [*values.token_ids(raw.get("eos_token_id"), "eos_token_id", size)]
  except ValueError as error:
    raise ValueError(f"{path}: {error}") from error


def _read_object(path: pathlib.Path) -> dict[str, Any]:
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; expected the folder of a checkpoint in Hugging "
      "Face format (config.json, *.safetensors, tokenizer.json)."
    )
  try:
    raw = json.loads(path.read_text(encoding="utf-8-sig"))
  # Bytes that are no text, or more brackets than anyone writes.
  except (ValueError, RecursionError) as error:
    raise ValueError(
      f"{path} is not valid JSON ({error}); it may be cut. Copy it again."
    ) from error
  if not isinstance(raw, dict):
    raise ValueError(f"{path} holds {raw!r}; expected a JSON object.")
  return raw


def from_hf(
  raw: dict[str, Any], architectures: tuple[str, ...] | None = None
) -> DecoderConfig:
  """Makes the architecture from the contents of a config.json.

  Args:
    raw: the parsed file.
    architectures: as `read_config`.

  Returns:
    The architecture.

  Raises:
    ValueError: as `read_config`.
  """
  kind = raw.get("model_type")
  if not isinstance(kind, str) or kind not in families.FAMILIES:
    raise ValueError(
      f"model_type is {kind!r}; expected one of "
      f"{', '.join(sorted(families.FAMILIES))}.{_INSTEAD.get(str(kind), '')}"
    )
  family = families.FAMILIES[kind]
  expected = architectures or (family.architecture,)
  named = raw.get("architectures")
  if not isinstance(named, list) or len(named) != 1 or named[0] not in expected:
    raise ValueError(
      f"architectures is {named}; expected one of {', '.join(expected)}. A "
      "policy must be a language model, and a reward model of the kind that "
      "its format reads."
    )
  config = family.read(raw)
  keys.check(raw, family.keys)
  return config


def to_hf(
  config: DecoderConfig, architecture: str | None = None
) -> dict[str, Any]:
  """Writes the architecture as the contents of a config.json.

  Args:
    config: the architecture.
    architecture: the name under which a reader will look for it; None for the
      language model of its family.

  Returns:
    A dict that `from_hf` reads back and transformers understands.

  Raises:
    ValueError: where the files of its family cannot say what it is.
  """
  if config.family not in families.FAMILIES:
    raise ValueError(
      f"family is {config.family!r}; expected one of "
      f"{', '.join(sorted(families.FAMILIES))}."
    )
  family = families.FAMILIES[config.family]
  raw = {
    "architectures": [architecture or family.architecture],
    "model_type": config.family,
    **family.write(config),
    "dtype": "float32",
  }
  back = family.read(raw)
  lost = [
    f"{field.name} {getattr(config, field.name)!r} would read "
    f"{getattr(back, field.name)!r}"
    for field in dataclasses.fields(config)
    if getattr(back, field.name) != getattr(config, field.name)
  ]
  if lost:
    raise ValueError(
      f"a checkpoint of family {config.family} cannot store this "
      f"architecture: {'; '.join(lost)}."
    )
  return raw
