"""How GGUF names and orders the tensors of Hugging Face checkpoints."""

import re

import numpy as np

from inference_scaling.models.sources.gguf import architectures

# Divisors of the rotary frequencies, in files of Llama 3.1 and later.
ROPE_FACTORS = "rope_freqs.weight"
# And of Phi-3: in texts of the original length, and in longer ones.
SHORT_FACTORS, LONG_FACTORS = (
  "rope_factors_short.weight", "rope_factors_long.weight",
)  # fmt: skip
# Tensors that the config tells of.
SETTINGS = (ROPE_FACTORS, SHORT_FACTORS, LONG_FACTORS)

_OUTER = {
  "token_embd": "model.embed_tokens",
  "output_norm": "model.norm",
  "output": "lm_head",
}


def to_hf(name: str, architecture: architectures.Architecture) -> str:
  """Renames a tensor.

  Args:
    name: in the GGUF file, such as blk.3.attn_q.weight.
    architecture: of the file.

  Returns:
    In a Hugging Face checkpoint, such as
    model.layers.3.self_attn.q_proj.weight. An unknown name stays, so that it
    is reported as unexpected.
  """
  stem, _, kind = name.rpartition(".")
  if stem in _OUTER:
    return f"{_OUTER[stem]}.{kind}"
  match = re.fullmatch(r"blk\.(\d+)\.(\w+)", stem)
  if match and match[2] in architecture.tensors:
    return f"model.layers.{match[1]}.{architecture.tensors[match[2]]}.{kind}"
  return name


def permuted_heads(
  name: str,
  architecture: architectures.Architecture,
  num_heads: int,
  num_kv_heads: int,
) -> int:
  """Tells of a tensor whether GGUF stores its rows RoPE-permuted.

  Args:
    name: in the GGUF file.
    architecture: of the file.
    num_heads: query heads.
    num_kv_heads: key/value heads.

  Returns:
    The number of heads whose rows are RoPE-permuted; 0 for none.
  """
  if not architecture.permuted:
    return 0
  if re.search(r"\.attn_q\.", name):
    return num_heads
  return num_kv_heads if re.search(r"\.attn_k\.", name) else 0


def unpermute(rows: np.ndarray, num_heads: int) -> np.ndarray:
  """Undoes the RoPE permutation of the rows of queries or keys.

  llama.cpp rotates neighbours, (0, 1), (2, 3), ...; Hugging Face rotates entry
  i of the first half of a head with entry i of its second half.

  Args:
    rows: [heads * H, ...].
    num_heads: heads.

  Returns:
    As rows, in the order of Hugging Face.
  """
  pairs = rows.reshape(num_heads, -1, 2, *rows.shape[1:])
  return pairs.swapaxes(1, 2).reshape(rows.shape)
