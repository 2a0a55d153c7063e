"""Rotary settings of a config.json, which have been written in several ways."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from inference_scaling.models.families import values
from inference_scaling.models.layers import architecture

_LENGTH = "original_max_position_embeddings"
# Of each kind: config.json key -> field, and what a file means that lacks it.
_NUMBERS: Mapping[str, Mapping[str, tuple[str, float | None]]] = {
  "linear": {"factor": ("factor", None)},
  "llama3": {
    "factor": ("factor", None),
    "low_freq_factor": ("low_frequency_factor", None),
    "high_freq_factor": ("high_frequency_factor", None),
  },
  "yarn": {
    "factor": ("factor", None),
    "beta_fast": ("beta_fast", 32.0),
    "beta_slow": ("beta_slow", 1.0),
  },
}
_HAVE_LENGTH = ("llama3", "yarn")
# Of YaRN, whether there or not.
_ATTENTION_FACTOR, _TRUNCATE = "attention_factor", "truncate"
_MSCALES = ("mscale", "mscale_all_dim")


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
  kind = read_kind(settings)
  if kind != "default" and kind not in _NUMBERS:
    raise ValueError(
      f"rope_type is {kind!r}; expected one of default, {', '.join(_NUMBERS)}."
    )
  keys = _NUMBERS.get(kind, {})
  known = [*keys, _LENGTH] if kind in _HAVE_LENGTH else [*keys]
  if kind == "yarn":
    known += [_ATTENTION_FACTOR, _TRUNCATE, *_MSCALES]
  check_known(settings, kind, known)
  if kind == "default":
    return None
  # null is what transformers writes for a default.
  stated = {k: default for k, (_, default) in keys.items() if default}
  stated |= {
    k: v for k, v in settings.items() if v is not None or k not in stated
  }
  missing = [key for key in keys if key not in stated]
  if missing:
    raise ValueError(f"rope scaling of type {kind} lacks {', '.join(missing)}.")
  fields: dict[str, Any] = {
    field: values.number(stated, key) for key, (field, _) in keys.items()
  }
  if kind in _HAVE_LENGTH:
    # The default of transformers.
    whole = {_LENGTH: raw["max_position_embeddings"]}
    fields["original_length"] = values.integer(whole | stated, _LENGTH)
  if kind == "yarn":
    fields["truncate"] = values.truth(stated, _TRUNCATE, True)
    fields[_ATTENTION_FACTOR] = _yarn_attention(stated, fields["factor"])
  return architecture.RopeScaling(kind, **fields)


def read_kind(settings: Mapping[str, Any]) -> str:
  """Reads of which kind a scaling is, "default" for none.

  Args:
    settings: from `read_settings`.

  Returns:
    The kind, under whatever name.

  Raises:
    ValueError: where it is no text, or written twice and differs.
  """
  # "type" is the spelling of files from before transformers 4.43.
  kind = settings.get("rope_type", settings.get("type", "default"))
  values.expect(settings, "type", kind)
  if not isinstance(kind, str):
    raise ValueError(f"rope_type is {kind!r}; expected a text.")
  return kind


def check_known(
  settings: Mapping[str, Any], kind: str, known: Iterable[str]
) -> None:
  """Raises where a scaling has other keys than those of its kind."""
  read = {"rope_type", "type", "rope_theta", "partial_rotary_factor", *known}
  unknown = {k: v for k, v in settings.items() if k not in read}
  if unknown:
    raise ValueError(
      f"rope scaling of type {kind} has {unknown}; expected no more than "
      f"{', '.join(sorted(read))}."
    )


def _yarn_attention(settings: Mapping[str, Any], factor: float) -> float:
  """Reads what YaRN multiplies queries and keys by, or computes it."""
  stated = values.number_or_none(settings, _ATTENTION_FACTOR)
  if stated is not None:
    return stated
  numerator, denominator = (
    values.number_or_none(settings, key) for key in _MSCALES
  )
  if numerator is None or denominator is None:
    numerator, denominator = 1.0, 0.0
  grown = math.log(max(factor, 1.0))
  return (0.1 * numerator * grown + 1.0) / (0.1 * denominator * grown + 1.0)


def write_scaling(
  scaling: architecture.RopeScaling | None,
) -> dict[str, Any] | None:
  """Writes what `read_scaling` reads, as older files have it."""
  if scaling is None:
    return None
  raw: dict[str, Any] = {"rope_type": scaling.kind}
  for key, (field, _) in _NUMBERS.get(scaling.kind, {}).items():
    raw[key] = getattr(scaling, field)
  if scaling.kind in _HAVE_LENGTH:
    raw[_LENGTH] = scaling.original_length
  if scaling.kind == "yarn":
    raw[_ATTENTION_FACTOR] = scaling.attention_factor
    raw[_TRUNCATE] = scaling.truncate
  return raw
