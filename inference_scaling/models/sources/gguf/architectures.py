"""Architectures of GGUF files: what each is, and how it names its tensors.

References:
  gguf-py/gguf/constants.py, convert_hf_to_gguf.py and src/llama-model.cpp of
  github.com/ggml-org/llama.cpp.
"""

from collections.abc import Mapping
from typing import NamedTuple

_NORMS = {
  "attn_norm": "input_layernorm",
  "ffn_norm": "post_attention_layernorm",
}
_HEAD_NORMS = {
  "attn_q_norm": "self_attn.q_norm",
  "attn_k_norm": "self_attn.k_norm",
}
_POST_NORMS = {
  "post_attention_norm": "post_attention_layernorm",
  "post_ffw_norm": "post_feedforward_layernorm",
}
_MATRICES = {
  "attn_q": "self_attn.q_proj",
  "attn_k": "self_attn.k_proj",
  "attn_v": "self_attn.v_proj",
  "attn_output": "self_attn.o_proj",
  "ffn_gate": "mlp.gate_proj",
  "ffn_up": "mlp.up_proj",
  "ffn_down": "mlp.down_proj",
}
_FUSED = {
  "attn_qkv": "self_attn.qkv_proj",
  "attn_output": "self_attn.o_proj",
  "ffn_up": "mlp.gate_up_proj",
  "ffn_down": "mlp.down_proj",
}
_REFERENCE = "reference"


class Architecture(NamedTuple):
  """One architecture.

  Attributes:
    model_type: of Hugging Face.
    class_name: of the language model there.
    tensors: of a layer: name in GGUF -> name in Hugging Face.
    layout: how rows of queries and keys lie, for files that say it.
    permuted: whether these rows are RoPE-permuted.
    norm_offset: what is added to the weights of norms where they are stored.
    keys: of its metadata that are read, beside those of all.
  """

  model_type: str
  class_name: str
  tensors: Mapping[str, str] = _NORMS | _MATRICES
  layout: str = _REFERENCE
  permuted: bool = False
  norm_offset: float = 0.0
  keys: tuple[str, ...] = ()


_GEMMA = {
  **_MATRICES, **_HEAD_NORMS, **_POST_NORMS, "attn_norm": "input_layernorm",
  "ffn_norm": "pre_feedforward_layernorm",
}  # fmt: skip
_PATTERN = "attention.sliding_window_pattern"
# By `general.architecture`. llama.cpp calls Mistral "llama", too, and writes no
# window for it.
ARCHITECTURES: Mapping[str, Architecture] = {
  "gemma2": Architecture(
    "gemma2", "Gemma2ForCausalLM", _GEMMA, norm_offset=1.0,
    keys=("attn_logit_softcapping", "final_logit_softcapping", _PATTERN),
  ),
  "gemma3": Architecture(
    "gemma3_text", "Gemma3ForCausalLM", _GEMMA, norm_offset=1.0,
    keys=("final_logit_softcapping", "rope.freq_base_swa", _PATTERN),
  ),
  "llama": Architecture(
    "llama", "LlamaForCausalLM", layout="Meta AI original pth", permuted=True
  ),
  "olmo2": Architecture(
    "olmo2", "Olmo2ForCausalLM", _MATRICES | _HEAD_NORMS | _POST_NORMS
  ),
  "phi3": Architecture(
    "phi3", "Phi3ForCausalLM", _NORMS | _FUSED,
    keys=("rope.scaling.attn_factor",),
  ),
  "qwen2": Architecture("qwen2", "Qwen2ForCausalLM"),
  "qwen3": Architecture(
    "qwen3", "Qwen3ForCausalLM", _NORMS | _MATRICES | _HEAD_NORMS
  ),
}  # fmt: skip
