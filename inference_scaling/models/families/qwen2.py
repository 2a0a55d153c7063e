"""Qwen2 and Qwen2.5: a Llama with biases of query, key and value."""

from typing import Any

from inference_scaling.models.families import base, llama, values
from inference_scaling.models.layers import architecture

KEYS = llama.KEYS | {"max_window_layers", "use_mrope", "use_sliding_window"}
_FULL, _WINDOW = "full_attention", "sliding_attention"


def read(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json."""
  fields = llama.read_common(raw)
  values.expect(raw, "attention_bias", True)
  values.expect(raw, "mlp_bias", False)
  values.expect(raw, "use_mrope", False)
  window, first = read_window(raw)
  return architecture.DecoderConfig(
    **fields,
    family="qwen2",
    qkv_bias=True,
    sliding_window=window,
    first_window_layer=first,
  )


def write(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json."""
  windowed = config.sliding_window is not None
  first = config.first_window_layer if windowed else config.num_layers
  return llama.write_common(config) | {
    "use_sliding_window": windowed,
    "sliding_window": config.sliding_window,
    "max_window_layers": first,
  }


def read_window(raw: base.Raw) -> tuple[int | None, int]:
  """Reads the window, and the first layer that has it (0 without one).

  Args:
    raw: contents of config.json.

  Returns:
    Both.

  Raises:
    ValueError: where other layers have it, or it is none.
  """
  num_layers = raw["num_hidden_layers"]
  window = None
  if values.truth(raw, "use_sliding_window", False):
    if raw.get("sliding_window") is not None:
      window = values.integer(raw, "sliding_window")
  types = values.texts(raw, "layer_types", num_layers)
  if types is None:
    if window is None:
      return None, 0
    # 28 is what transformers takes a file to mean that does not have the key.
    stated = {"max_window_layers": 28, **raw}
    first = min(values.integer(stated, "max_window_layers", 0), num_layers)
    return (None, 0) if first == num_layers else (window, first)
  first = types.index(_WINDOW) if _WINDOW in types else num_layers
  expected = [_FULL] * first + [_WINDOW] * (num_layers - first)
  if types != expected:
    raise ValueError(
      f"layer_types is {types}; expected {num_layers} layers, first those of "
      f"{_FULL!r}, then those of {_WINDOW!r}."
    )
  if first == num_layers:
    return None, 0
  if window is None:
    raise ValueError(
      f"layer_types has {_WINDOW!r} from layer {first} on, but "
      f"use_sliding_window is {raw.get('use_sliding_window')!r} and "
      f"sliding_window is {raw.get('sliding_window')!r}; expected a window."
    )
  return window, first


FAMILY = llama.FAMILY._replace(
  architecture="Qwen2ForCausalLM", keys=KEYS, read=read, write=write
)
