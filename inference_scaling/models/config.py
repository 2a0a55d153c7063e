"""Architecture of a decoder, read from and written to an HF config.json."""

import dataclasses
import json
import pathlib
from typing import Any

ARCHITECTURE = "LlamaForCausalLM"
# This package's own: see reward_model.py.
REWARD_ARCHITECTURE = "LlamaForStepReward"

# config.json key -> field. Every one of these must be present.
_KEYS = {
  "vocab_size": "vocab_size",
  "hidden_size": "hidden_size",
  "intermediate_size": "intermediate_size",
  "num_hidden_layers": "num_layers",
  "num_attention_heads": "num_heads",
  "num_key_value_heads": "num_kv_heads",
  "rms_norm_eps": "norm_eps",
  "max_position_embeddings": "max_position_embeddings",
  "tie_word_embeddings": "tie_word_embeddings",
}
# Settings of the Llama family that this decoder does not have, with the only
# value it can honour. A checkpoint with another value must not load silently.
_FIXED = {
  "hidden_act": "silu",
  "attention_bias": False,
  "mlp_bias": False,
}


@dataclasses.dataclass(frozen=True)
class RopeScaling:
  """How the rotary wave lengths are stretched for texts of greater length.

  Attributes:
    kind: "linear", which divides all frequencies by the factor, or "llama3",
      which spares the high ones.
    factor: what frequencies are divided by.
    low_frequency_factor: of "llama3": waves longer than the original length
      over this are divided by the whole factor.
    high_frequency_factor: of "llama3": waves shorter than the original length
      over this stay.
    original_length: of "llama3": longest sequence before the stretch.
  """

  kind: str
  factor: float
  low_frequency_factor: float | None = None
  high_frequency_factor: float | None = None
  original_length: int | None = None


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
  """Shapes and constants of a decoder; the defaults make it a Llama.

  Attributes:
    vocab_size: V.
    hidden_size: D.
    intermediate_size: F.
    num_layers: L.
    num_heads: query heads, K * G.
    num_kv_heads: K.
    head_dim: H.
    norm_eps: added to the mean square (or variance) before its root.
    rope_theta: base of the rotary wave lengths.
    max_position_embeddings: longest sequence the model was made for.
    tie_word_embeddings: whether the unembedding is the embedding.
    eos_token_ids: tokens that end a text.
    bos_token_id: token that begins a text, if any.
    family: "llama", "mistral", "qwen2" or "gpt_neox": how config.json and the
      tensors of the checkpoint are named.
    norm: "rms", or "layer", which subtracts the mean and adds a bias.
    parallel_residual: whether attention and MLP both read the layer's input.
    gated_mlp: activation(gate) * up, or else activation(up).
    activation: "silu", "gelu" (by the error function) or "gelu_tanh".
    qkv_bias: whether query, key and value have one.
    output_bias: whether the output of attention has one.
    mlp_bias: whether the matrices of the MLP have one.
    rotary_fraction: part of each head that turns with the position.
    rope_scaling: of the rotary wave lengths, if any.
    sliding_window: a token sees itself and this many less one before it; None
      for all.
    first_window_layer: layers before it see everything.
  """

  vocab_size: int
  hidden_size: int
  intermediate_size: int
  num_layers: int
  num_heads: int
  num_kv_heads: int
  head_dim: int
  norm_eps: float
  rope_theta: float
  max_position_embeddings: int
  tie_word_embeddings: bool
  eos_token_ids: tuple[int, ...]
  bos_token_id: int | None = None
  family: str = "llama"
  norm: str = "rms"
  parallel_residual: bool = False
  gated_mlp: bool = True
  activation: str = "silu"
  qkv_bias: bool = False
  output_bias: bool = False
  mlp_bias: bool = False
  rotary_fraction: float = 1.0
  rope_scaling: RopeScaling | None = None
  sliding_window: int | None = None
  first_window_layer: int = 0

  def __post_init__(self):
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
        f"num_attention_heads is {self.num_heads}, which is no multiple of "
        f"num_key_value_heads, {self.num_kv_heads}."
      )
    if self.head_dim % 2:
      raise ValueError(
        f"head_dim is {self.head_dim}; rotary embedding needs an even number."
      )


def read_config(
  folder: str | pathlib.Path, architecture: str = ARCHITECTURE
) -> DecoderConfig:
  """Reads config.json of a checkpoint folder.

  Args:
    folder: the checkpoint folder.
    architecture: what `architectures` must name.

  Returns:
    The architecture.

  Raises:
    FileNotFoundError: where there is no config.json.
    ValueError: where it is cut, of another architecture, lacks a key or asks
      for something that this decoder does not do.
  """
  path = pathlib.Path(folder) / "config.json"
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; expected the folder of a checkpoint in Hugging "
      "Face format (config.json, *.safetensors, tokenizer.json)."
    )
  try:
    raw = json.loads(path.read_text(encoding="utf-8"))
  except json.JSONDecodeError as error:
    raise ValueError(
      f"{path} is not valid JSON ({error}); it may be cut. Copy it again."
    ) from error
  if not isinstance(raw, dict):
    raise ValueError(f"{path} holds {raw!r}; expected a JSON object.")
  try:
    return from_hf(raw, architecture)
  except ValueError as error:
    raise ValueError(f"{path}: {error}") from error


def from_hf(
  raw: dict[str, Any], architecture: str = ARCHITECTURE
) -> DecoderConfig:
  """Makes the architecture from the contents of a config.json.

  Args:
    raw: the parsed file.
    architecture: what `architectures` must name.

  Returns:
    The architecture.

  Raises:
    ValueError: as `read_config`.
  """
  found = raw.get("architectures")
  if found != [architecture]:
    raise ValueError(
      f"architectures is {found}; this loader reads {[architecture]}."
    )
  theta = _rope_theta(raw)
  missing = [key for key in _KEYS if key not in raw]
  missing += ["rope_theta"] if theta is None else []
  if missing:
    raise ValueError(f"missing keys: {', '.join(sorted(missing))}.")
  for key, value in _FIXED.items():
    if raw.get(key, value) != value:
      raise ValueError(f"{key} is {raw[key]!r}; only {value!r} is supported.")
  fields = {field: raw[key] for key, field in _KEYS.items()}
  eos = raw.get("eos_token_id")
  return DecoderConfig(
    **fields,
    head_dim=raw.get("head_dim") or raw["hidden_size"] // fields["num_heads"],
    rope_theta=float(theta),
    eos_token_ids=tuple(eos if isinstance(eos, list) else [eos])
    if eos is not None
    else (),
    bos_token_id=raw.get("bos_token_id"),
  )


def to_hf(
  config: DecoderConfig, architecture: str = ARCHITECTURE
) -> dict[str, Any]:
  """Writes the architecture as the contents of a config.json.

  Args:
    config: the architecture.
    architecture: the name under which a reader will look for it.

  Returns:
    A dict that `from_hf` reads back and transformers understands.
  """
  raw = {key: getattr(config, field) for key, field in _KEYS.items()}
  eos = list(config.eos_token_ids)
  return {
    "architectures": [architecture],
    "model_type": "llama",
    **raw,
    **_FIXED,
    "head_dim": config.head_dim,
    "rope_theta": config.rope_theta,
    "rope_scaling": None,
    "bos_token_id": config.bos_token_id,
    "eos_token_id": eos[0] if len(eos) == 1 else eos or None,
    "dtype": "float32",
  }


def _rope_theta(raw: dict[str, Any]) -> float | None:
  """Reads the rotary base from either place that transformers writes it to."""
  # transformers >= 5 nests it; older files have rope_theta and rope_scaling.
  nested = raw.get("rope_parameters") or {}
  kind = nested.get("rope_type", "default")
  scaling = raw.get("rope_scaling")
  if kind != "default" or scaling:
    raise ValueError(
      f"rope scaling is {scaling or nested}; only the default is supported."
    )
  return nested.get("rope_theta", raw.get("rope_theta"))
