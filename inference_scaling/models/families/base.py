"""What a family of decoders declares, and how its config.json is read.

A file is read strictly: a key that asks for something that the decoder does
not do is an error, and so is a missing key, but for those whose default all
versions of transformers agree on. Of keys that are not read see keys.py.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from inference_scaling.models.families import values
from inference_scaling.models.layers import architecture as architecture_lib

Path = tuple[str | int, ...]
Raw = values.Raw


class Rows(NamedTuple):
  """Position of a parameter in a fused tensor, one after the other.

  Attributes:
    start: its first row.
    stop: the first row of the next one.
    total: rows of the tensor.
  """

  start: int
  stop: int
  total: int


class Part(NamedTuple):
  """Position of a parameter in a fused tensor, with rows [heads, 3, H].

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
  part: Part | Rows | None = None


class Family(NamedTuple):
  """How the checkpoints of one family are written.

  Attributes:
    architecture: what `architectures` in config.json calls the language model.
    keys: of config.json, all that `read` looks at.
    read: makes the architecture from the contents of a config.json.
    write: the way back, but for `architectures` and `model_type`.
    entries: lists the parameters of a decoder without its unembedding, each
      path beginning with the given keys.
    unembedding: name of its tensor, which is stored only where it is not tied.
    buffers: a pattern of tensors that old checkpoints hold, which follow from
      the config.
  """

  architecture: str
  keys: frozenset[str]
  read: Callable[[Raw], architecture_lib.DecoderConfig]
  write: Callable[[architecture_lib.DecoderConfig], dict[str, Any]]
  entries: Callable[[architecture_lib.DecoderConfig, Path], list[Entry]]
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
# And those that are read one by one.
KEYS = frozenset(
  (
    *SHARED_KEYS, "attention_bias", "bos_token_id", "eos_token_id", "head_dim",
    "hidden_act", "num_key_value_heads", "partial_rotary_factor",
    "quantization_config", "rope_parameters", "rope_scaling", "rope_theta",
  )
)  # fmt: skip
_ACTIVATION = "hidden_act"
# No model is near it; the parameters of a damaged number of layers would fill
# the memory while they are listed.
_MAX_LAYERS = 10_000
# transformers has several names for the same function.
_ACTIVATIONS = {
  "silu": "silu",
  "swish": "silu",
  "gelu": "gelu",
  "gelu_pytorch_tanh": "gelu_tanh",
  "gelu_new": "gelu_tanh",
  "gelu_fast": "gelu_tanh",
}


def read_shared(
  raw: Raw, eps_key: str, activation: str, activation_key: str = _ACTIVATION
) -> dict[str, Any]:
  """Reads the keys that all families have.

  Args:
    raw: contents of config.json.
    eps_key: where the epsilon of the norms stands.
    activation: the family's default of the next.
    activation_key: where the activation stands.

  Returns:
    Fields of `DecoderConfig`.

  Raises:
    ValueError: lists all missing keys, or names one that cannot be honoured.
  """
  missing = sorted(key for key in (*SHARED_KEYS, eps_key) if key not in raw)
  if missing:
    raise ValueError(f"missing keys: {', '.join(missing)}.")
  if values.group(raw, "quantization_config"):
    values.expect(raw, "quantization_config", None)
  name = raw.get(activation_key, activation)
  if not isinstance(name, str) or name not in _ACTIVATIONS:
    raise ValueError(
      f"{activation_key} is {name!r}; expected one of "
      f"{', '.join(_ACTIVATIONS)}."
    )
  tied = "tie_word_embeddings"
  sizes = {
    field: values.integer(raw, key)
    for key, field in SHARED_KEYS.items()
    if key != tied
  }
  bos, eos = "bos_token_id", "eos_token_id"
  if sizes["num_layers"] > _MAX_LAYERS:
    raise ValueError(
      f"num_hidden_layers is {sizes['num_layers']}; expected no more than "
      f"{_MAX_LAYERS}."
    )
  size = sizes["vocab_size"]
  return sizes | {
    tied: values.truth(raw, tied),
    "norm_eps": values.number(raw, eps_key),
    "activation": _ACTIVATIONS[name],
    bos: values.token_id(raw.get(bos), bos, size),
    "eos_token_ids": values.token_ids(raw.get(eos), eos, size),
  }


def write_shared(
  config: architecture_lib.DecoderConfig,
  eps_key: str,
  activation_key: str = _ACTIVATION,
) -> dict[str, Any]:
  """Writes what `read_shared` reads."""
  raw = {key: getattr(config, field) for key, field in SHARED_KEYS.items()}
  eos = list(config.eos_token_ids)
  names = {field: key for key, field in reversed(_ACTIVATIONS.items())}
  return raw | {
    eps_key: config.norm_eps,
    activation_key: names[config.activation],
    "bos_token_id": config.bos_token_id,
    "eos_token_id": eos[0] if len(eos) == 1 else eos or None,
  }


def read_heads(raw: Raw) -> dict[str, int]:
  """Reads the keys that say how attention is cut into heads."""
  heads, size = raw["num_attention_heads"], raw["hidden_size"]
  stated = raw.get("head_dim") is not None
  if not stated and size % heads:
    raise ValueError(
      f"hidden_size is {size}, which is no multiple of num_attention_heads, "
      f"{heads}, and there is no head_dim."
    )
  shared = raw.get("num_key_value_heads") is not None
  return {
    "num_kv_heads": values.integer(raw, "num_key_value_heads")
    if shared
    else heads,
    "head_dim": values.integer(raw, "head_dim") if stated else size // heads,
  }
