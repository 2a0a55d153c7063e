"""What a family of decoders declares, and how its config.json is read.

A file is read strictly: a key that asks for something that the decoder does
not do is an error, and so is a missing key, but for those whose default all
versions of transformers agree on.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from inference_scaling.models import architecture

Path = tuple[str | int, ...]
Raw = Mapping[str, Any]


class Part(NamedTuple):
  """Where a parameter stands in a fused tensor, with rows [heads, 3, H].

  Attributes:
    index: 0 for queries, 1 for keys, 2 for values.
    heads: of each of them.
  """

  index: int
  heads: int


class Entry(NamedTuple):
  """One parameter.

  Attributes:
    name: of the tensor in the checkpoint.
    path: keys to the parameter in the nested dict.
    transpose: whether the checkpoint holds the transposed matrix.
    part: which part of a fused tensor it is; None for the whole of one.
  """

  name: str
  path: Path
  transpose: bool = False
  part: Part | None = None


class Family(NamedTuple):
  """How the checkpoints of one family are written.

  Attributes:
    architecture: what `architectures` in config.json calls the language model.
    read: makes the architecture from the contents of a config.json.
    write: the way back, but for `architectures` and `model_type`.
    entries: lists the parameters of a decoder without its unembedding, each
      path beginning with the given keys.
    unembedding: name of its tensor, which is stored only where it is not tied.
    buffers: a pattern of tensors that old checkpoints hold, which follow from
      the config.
  """

  architecture: str
  read: Callable[[Raw], architecture.DecoderConfig]
  write: Callable[[architecture.DecoderConfig], dict[str, Any]]
  entries: Callable[[architecture.DecoderConfig, Path], list[Entry]]
  unembedding: str
  buffers: str


# config.json key -> field, in all families.
SHARED_KEYS = {
  "vocab_size": "vocab_size",
  "hidden_size": "hidden_size",
  "intermediate_size": "intermediate_size",
  "num_hidden_layers": "num_layers",
  "num_attention_heads": "num_heads",
  "max_position_embeddings": "max_position_embeddings",
  "tie_word_embeddings": "tie_word_embeddings",
}
# transformers has several names for the same function.
_ACTIVATIONS = {
  "silu": "silu",
  "swish": "silu",
  "gelu": "gelu",
  "gelu_pytorch_tanh": "gelu_tanh",
  "gelu_new": "gelu_tanh",
  "gelu_fast": "gelu_tanh",
}
_LLAMA3_KEYS = {
  "low_freq_factor": "low_frequency_factor",
  "high_freq_factor": "high_frequency_factor",
  "original_max_position_embeddings": "original_length",
}


def read_shared(raw: Raw, eps_key: str, activation: str) -> dict[str, Any]:
  """Reads the keys that all families have.

  Args:
    raw: contents of config.json.
    eps_key: where the epsilon of the norms stands.
    activation: the family's default `hidden_act`.

  Returns:
    Fields of `DecoderConfig`.

  Raises:
    ValueError: lists all missing keys, or names one that cannot be honoured.
  """
  keys = SHARED_KEYS | {eps_key: "norm_eps"}
  missing = sorted(key for key in keys if key not in raw)
  if missing:
    raise ValueError(f"missing keys: {', '.join(missing)}.")
  expect(raw, "quantization_config", None)
  name = raw.get("hidden_act", activation)
  if name not in _ACTIVATIONS:
    raise ValueError(
      f"hidden_act is {name!r}; expected one of {', '.join(_ACTIVATIONS)}."
    )
  eos = raw.get("eos_token_id")
  return {field: raw[key] for key, field in keys.items()} | {
    "activation": _ACTIVATIONS[name],
    "bos_token_id": raw.get("bos_token_id"),
    "eos_token_ids": tuple(eos)
    if isinstance(eos, list)
    else () if eos is None else (eos,),
  }  # fmt: skip


def write_shared(
  config: architecture.DecoderConfig, eps_key: str
) -> dict[str, Any]:
  """Writes what `read_shared` reads."""
  raw = {key: getattr(config, field) for key, field in SHARED_KEYS.items()}
  eos = list(config.eos_token_ids)
  names = {field: key for key, field in reversed(_ACTIVATIONS.items())}
  return raw | {
    eps_key: config.norm_eps,
    "hidden_act": names[config.activation],
    "bos_token_id": config.bos_token_id,
    "eos_token_id": eos[0] if len(eos) == 1 else eos or None,
  }


def expect(raw: Raw, key: str, value: Any) -> None:
  """Raises where a key is there with any other value than the given one."""
  if raw.get(key, value) != value:
    raise ValueError(
      f"{key} is {raw[key]!r}; only {value!r} is supported here."
    )


def read_heads(raw: Raw) -> dict[str, int]:
  """Reads the keys that say how attention is cut into heads."""
  heads, size = raw["num_attention_heads"], raw["hidden_size"]
  if not raw.get("head_dim") and size % heads:
    raise ValueError(
      f"hidden_size is {size}, which is no multiple of num_attention_heads, "
      f"{heads}, and there is no head_dim."
    )
  return {
    "num_kv_heads": raw.get("num_key_value_heads") or heads,
    "head_dim": raw.get("head_dim") or size // heads,
  }


def rope_settings(raw: Raw) -> dict[str, Any]:
  """Reads the rotary settings from either place that they are written to.

  transformers nests them all in `rope_parameters` from version 5 on. Older
  files have `rope_scaling`, and the base on the outermost level.

  Args:
    raw: contents of config.json.

  Returns:
    The nested dict, empty where there is none.

  Raises:
    ValueError: where both are there and differ.
  """
  nested = raw.get("rope_parameters") or {}
  scaling = raw.get("rope_scaling") or {}
  if nested and scaling and nested != scaling:
    raise ValueError(
      f"rope_scaling is {scaling} but rope_parameters is {nested}; keep one."
    )
  return dict(nested or scaling)


def read_scaling(
  raw: Raw, settings: Mapping[str, Any]
) -> architecture.RopeScaling | None:
  """Reads the scaling of the rotary wave lengths.

  Args:
    raw: contents of config.json.
    settings: from `rope_settings`.

  Returns:
    The scaling, None for the default.

  Raises:
    ValueError: on a kind or a key that the decoder does not know.
  """
  # "type" is the spelling of files from before transformers 4.43.
  kind = settings.get("rope_type", settings.get("type", "default"))
  keys = {"linear": ("factor",), "llama3": ("factor", *_LLAMA3_KEYS)}
  if kind not in ("default", *keys):
    raise ValueError(
      f"rope_type is {kind!r}; expected one of default, {', '.join(keys)}."
    )
  wanted = keys.get(kind, ())
  known = {"rope_type", "type", "rope_theta", "partial_rotary_factor", *wanted}
  beyond = {k: v for k, v in settings.items() if k not in known}
  if beyond:
    raise ValueError(
      f"rope scaling of type {kind} has {beyond}; expected no more than "
      f"{', '.join(sorted(known))}."
    )
  if kind == "default":
    return None
  # As transformers has it.
  default = {"original_max_position_embeddings": raw["max_position_embeddings"]}
  found = default | settings
  missing = [key for key in wanted if key not in found]
  if missing:
    raise ValueError(f"rope scaling of type {kind} lacks {', '.join(missing)}.")
  more = {field: found[key] for key, field in _LLAMA3_KEYS.items()
          if key in wanted}  # fmt: skip
  return architecture.RopeScaling(kind, float(found["factor"]), **more)


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
