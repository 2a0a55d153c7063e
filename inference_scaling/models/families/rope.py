"""Rotary settings of a config.json, which have been written in several ways."""

import math
from collections.abc import Mapping
from typing import Any

from inference_scaling.models.families import values
from inference_scaling.models.layers import architecture

_LLAMA3_KEYS = {
  "low_freq_factor": "low_frequency_factor",
  "high_freq_factor": "high_frequency_factor",
  "original_max_position_embeddings": "original_length",
}


def read_settings(raw: values.Raw) -> dict[str, Any]:
  """Reads the rotary settings, nested or on the outermost level.

  transformers nests them all in `rope_parameters` from version 5 on. Older
  files have `rope_scaling`, and the base on the outermost level.

  Args:
    raw: contents of config.json.

  Returns:
    The nested dict, empty where there is none.

  Raises:
    ValueError: where both are there and differ.
  """
  nested = values.group(raw, "rope_parameters")
  scaling = values.group(raw, "rope_scaling")
  if nested and scaling and nested != scaling:
    raise ValueError(
      f"rope_scaling is {scaling} but rope_parameters is {nested}; keep one."
    )
  return nested or scaling


def read_rotary(
  raw: values.Raw,
  settings: Mapping[str, Any],
  nested: str,
  outer: str,
  default: float,
  maximum: float = math.inf,
) -> float:
  """Reads a rotary setting, nested or on the outermost level.

  Args:
    raw: contents of config.json.
    settings: from `read_settings`.
    nested: its key in them.
    outer: its key on the outermost level.
    default: what a file means that has neither.
    maximum: the largest number that passes.

  Returns:
    The number.

  Raises:
    ValueError: where it is none, or both are there and differ.
  """
  if nested not in settings:
    return values.number({outer: default, **raw}, outer, maximum)
  number = values.number(settings, nested, maximum)
  if raw.get(outer, number) != number:
    raise ValueError(
      f"{outer} is {raw[outer]!r}, but {nested} among the rotary settings is "
      f"{number!r}; keep one."
    )
  return number


def read_scaling(
  raw: values.Raw, settings: Mapping[str, Any]
) -> architecture.RopeScaling | None:
  """Reads the scaling of the rotary wave lengths.

  Args:
    raw: contents of config.json.
    settings: from `read_settings`.

  Returns:
    The scaling, None for the default.

  Raises:
    ValueError: on a kind or a key that the decoder does not know.
  """
  # "type" is the spelling of files from before transformers 4.43.
  kind = settings.get("rope_type", settings.get("type", "default"))
  values.expect(settings, "type", kind)
  keys = {"linear": ("factor",), "llama3": ("factor", *_LLAMA3_KEYS)}
  if not isinstance(kind, str) or kind not in ("default", *keys):
    raise ValueError(
      f"rope_type is {kind!r}; expected one of default, {', '.join(keys)}."
    )
  wanted = keys.get(kind, ())
  known = {"rope_type", "type", "rope_theta", "partial_rotary_factor", *wanted}
  unknown = {k: v for k, v in settings.items() if k not in known}
  if unknown:
    raise ValueError(
      f"rope scaling of type {kind} has {unknown}; expected no more than "
      f"{', '.join(sorted(known))}."
    )
  if kind == "default":
    return None
  # The default of transformers.
  default = {"original_max_position_embeddings": raw["max_position_embeddings"]}
  stated = {**default, **settings}
  missing = [key for key in wanted if key not in stated]
  if missing:
    raise ValueError(f"rope scaling of type {kind} lacks {', '.join(missing)}.")
  factor = values.number(stated, "factor")
  if kind == "linear":
    return architecture.RopeScaling(kind, factor)
  *factors, length = _LLAMA3_KEYS
  fields: dict[str, Any] = {
    _LLAMA3_KEYS[key]: values.number(stated, key) for key in factors
  }
  fields[_LLAMA3_KEYS[length]] = values.integer(stated, length)
  return architecture.RopeScaling(kind, factor, **fields)


def write_scaling(
  scaling: architecture.RopeScaling | None,
) -> dict[str, Any] | None:
  """Writes what `read_scaling` reads, as older files have it."""
  if scaling is None:
    return None
  raw = {"rope_type": scaling.kind, "factor": scaling.factor}
  if scaling.kind == "llama3":
    raw |= {k: getattr(scaling, field) for k, field in _LLAMA3_KEYS.items()}
  return raw
