"""The config.json that the metadata of a GGUF file amounts to."""

import re
from collections.abc import Mapping
from typing import Any

from inference_scaling.models import families
from inference_scaling.models.sources.gguf import (
  architectures,
  ids,
  rope,
  traits,
  values,
)
from inference_scaling.models.sources.gguf import header as gguf_header
from inference_scaling.models.sources.gguf import keys as gguf_keys

_LAYERS = "block_count"
_COUNTS = {
  "num_hidden_layers": _LAYERS,
  "hidden_size": "embedding_length",
  "intermediate_size": "feed_forward_length",
  "num_attention_heads": "attention.head_count",
  "max_position_embeddings": "context_length",
}
_PHI3 = "phi3"  # alone has another scaling, and heads of which a part is rotary
_EPSILON = "attention.layer_norm_rms_epsilon"
_BEGIN = "bos_token_id"
# llama.cpp's own, for files that do not state it.
_ROPE_THETA = 10_000.0
_TURN_ENDS = ("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>")
_EMBEDDING, _UNEMBEDDING = "token_embd.weight", "output.weight"


def to_hf(header: gguf_header.Header, where: str) -> dict[str, Any]:
  """Writes the architecture of a GGUF file as Hugging Face would.

  Args:
    header: of the file.
    where: the file, for errors.

  Returns:
    What config.json would hold.

  Raises:
    ValueError: where the architecture is not supported, a key is missing, of a
      wrong kind or needs what is not implemented.
  """
  metadata = header.metadata
  prefix = metadata.get("general.architecture")
  if not isinstance(prefix, str) or prefix not in architectures.ARCHITECTURES:
    raise ValueError(
      f"{where}: general.architecture is {prefix!r}; expected one of "
      f"{', '.join(sorted(architectures.ARCHITECTURES))}.{_elsewhere(prefix)}"
    )
  read = values.Reader(metadata, prefix, where)
  _require(
    header, [read.key(name) for name in (*_COUNTS.values(), _EPSILON)], where
  )
  raw: dict[str, Any] = {key: read.count(name) for key, name in _COUNTS.items()}
  num_tensors = len(header.tensors)
  if raw["num_hidden_layers"] > num_tensors:
    raise ValueError(
      f"{where}: {read.key(_LAYERS)} is {raw['num_hidden_layers']}, but the "
      f"file holds {num_tensors} tensors in all; expected some for each layer."
    )
  raw |= _heads(read, raw)
  architecture = architectures.ARCHITECTURES[prefix]
  _check_keys(read, architecture, raw)
  vocab_size = header.tensors[_EMBEDDING].shape[0]
  # The vocabulary may be padded beyond the tokenizer's.
  read.expect("vocab_size", vocab_size, f"the rows of {_EMBEDDING}")
  read.expect("tensor_data_layout", architecture.layout, "that of llama.cpp")
  theta = read.number("rope.freq_base") or _ROPE_THETA
  begin = ids.read(metadata, (_BEGIN,), where)
  raw |= {
    "architectures": [architecture.class_name],
    "model_type": architecture.model_type,
    "vocab_size": vocab_size,
    "rms_norm_eps": read.number(_EPSILON),
    "rope_theta": theta,
    "rope_scaling": None
    if prefix == _PHI3
    else rope.read_scaling(header, read, raw["head_dim"], theta),
    "tie_word_embeddings": _UNEMBEDDING not in header.tensors,
    "hidden_act": "silu",
    "bos_token_id": begin.get(_BEGIN),
    "eos_token_id": _ends_of_text(metadata, where),
    "dtype": "float32",
  }
  return raw | traits.read(header, read, raw)


def _check_keys(
  read: values.Reader,
  architecture: architectures.Architecture,
  raw: Mapping[str, Any],
) -> None:
  """Refuses keys that ask for what is not computed."""
  scalar = traits.query_scalar(read.prefix, raw)
  same = {
    "attention.scale": scalar**-0.5,
    "attention.key_length_swa": raw["head_dim"],
    "attention.value_length_swa": raw["head_dim"],
    "rope.dimension_count_swa": raw["head_dim"],
  }
  gguf_keys.check_architecture(
    read.metadata, read.prefix, architecture.keys, same, read.where
  )


def _require(header: gguf_header.Header, keys: list[str], where: str) -> None:
  """Raises where a key, or the embedding, is missing."""
  missing = [key for key in keys if key not in header.metadata]
  missing += [_EMBEDDING] if _EMBEDDING not in header.tensors else []
  if missing:
    raise ValueError(f"{where}: missing keys: {', '.join(sorted(missing))}.")


def _elsewhere(prefix: Any) -> str:
  """Names the folder format where it supports that architecture."""
  names = {re.sub(r"\W|_", "", kind): kind for kind in families.FAMILIES}
  kind = names.get(re.sub(r"\W|_", "", str(prefix).lower()))
  if kind is None:
    return " Models of other architectures are not supported."
  return (
    f" Models of the family {kind} load from their folder in Hugging Face "
    "format alone."
  )


def _heads(read: values.Reader, raw: Mapping[str, Any]) -> dict[str, Any]:
  """Reads how attention is cut into heads, and what of them is rotary."""
  size, heads = raw["hidden_size"], raw["num_attention_heads"]
  head_dim = read.count("attention.key_length")
  if head_dim is None and size % heads:
    raise ValueError(
      f"{read.where}: {read.key('embedding_length')} is {size}, which is no "
      f"multiple of {read.key('attention.head_count')}, {heads}, and there is "
      f"no {read.key('attention.key_length')}."
    )
  head_dim = head_dim or size // heads
  same = "as many as a head has keys"
  read.expect("attention.value_length", head_dim, same)
  kv_heads = read.count("attention.head_count_kv") or heads
  shapes = {"head_dim": head_dim, "num_key_value_heads": kv_heads}
  if read.prefix != _PHI3:
    read.expect("rope.dimension_count", head_dim, "all of a head")
    return shapes
  rotary = read.count("rope.dimension_count") or head_dim
  return shapes | {"partial_rotary_factor": rotary / head_dim}


def _ends_of_text(metadata: Mapping[str, Any], where: str = "") -> list[int]:
  """Ends of text and, in models that chat, of a turn; first the file's own."""
  names = ("eos_token_id", "eot_token_id", "eom_token_id")
  ends = list(ids.read(metadata, names, where).values())
  # Some files of chat models name only the end of a text.
  tokens = ids.tokens(metadata)
  ends += [tokens.index(end) for end in _TURN_ENDS if end in tokens]
  return list(dict.fromkeys(ends))
