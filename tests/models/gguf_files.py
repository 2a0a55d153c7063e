"""GGUF files as llama.cpp's converter writes them, of tiny models."""

import dataclasses

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Quantization

from inference_scaling import models
from inference_scaling.models.checkpoints import (
  layout,
  saving,
)
from tests.models import tiny

# Rows are a multiple of a block: 32 numbers, of K-quants 256.
LLAMA = dataclasses.replace(
  tiny.WIDE_HEADS, hidden_size=32, num_heads=8, num_kv_heads=2, head_dim=4,
  intermediate_size=64,
)  # fmt: skip
TIED = dataclasses.replace(LLAMA, tie_word_embeddings=True)
QWEN = dataclasses.replace(TIED, family="qwen2", qkv_bias=True)
LLAMA3 = dataclasses.replace(
  LLAMA, rope_scaling=models.RopeScaling("llama3", 8.0, 1.0, 4.0, 8192),
  max_position_embeddings=10_000, rope_theta=500_000.0, head_dim=16,
)  # fmt: skip
LINEAR = dataclasses.replace(
  LLAMA, rope_scaling=models.RopeScaling("linear", 4.0)
)

_OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm",
          "lm_head": "output"}  # fmt: skip
_INNER = {
  "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
  "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
}  # fmt: skip


def _name(name):
  stem, _, kind = name.rpartition(".")
  if stem in _OUTER:
    return f"{_OUTER[stem]}.{kind}"
  _, _, layer, rest = stem.split(".", 3)
  return f"blk.{layer}.{_INNER[rest]}.{kind}"


def _permute(rows, heads):
  """As llama.cpp's convert_hf_to_gguf.py, LlamaModel.permute."""
  return (
    rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    .swapaxes(1, 2)
    .reshape(rows.shape)
  )


def write(path, config, tensors, change=lambda writer: None, **types):
  """Writes a file as llama.cpp's converter does."""
  writer = _begin(path, config)
  change(writer)
  for name, value in tensors.items():
    if config.family == "llama" and "q_proj" in name:
      value = _permute(value, config.num_heads)
    if config.family == "llama" and "k_proj" in name:
      value = _permute(value, config.num_kv_heads)
    kind = types.get(name.split(".")[-2], Quantization.F32)
    if kind == Quantization.F16:
      writer.add_tensor(_name(name), value.astype(np.float16))
    else:
      stored = gguf.quants.quantize(value, kind)
      writer.add_tensor(_name(name), stored, raw_dtype=kind)
  _finish(writer)


def write_blocks(path, config, shapes, kind):
  """Writes a file whose matrices are quantised, every byte of them 0."""
  writer = _begin(path, config)
  block, num_bytes = gguf.GGML_QUANT_SIZES[kind]
  for name, shape in shapes.items():
    if len(shape) == 1:
      writer.add_tensor(_name(name), np.ones(shape, np.float32))
    else:
      rows = np.zeros((shape[0], shape[1] // block * num_bytes), np.uint8)
      writer.add_tensor(_name(name), rows, raw_dtype=kind)
  _finish(writer)


def _begin(path, config):
  writer = gguf.GGUFWriter(path, config.family)
  writer.add_context_length(config.max_position_embeddings)
  writer.add_embedding_length(config.hidden_size)
  writer.add_block_count(config.num_layers)
  writer.add_feed_forward_length(config.intermediate_size)
  writer.add_head_count(config.num_heads)
  writer.add_head_count_kv(config.num_kv_heads)
  writer.add_key_length(config.head_dim)
  writer.add_layer_norm_rms_eps(config.norm_eps)
  writer.add_rope_freq_base(config.rope_theta)
  _add_scaling(writer, config)
  _add_tokenizer(writer, config)
  return writer


def _finish(writer):
  writer.write_header_to_file()
  writer.write_kv_data_to_file()
  writer.write_tensors_to_file()
  writer.close()


def _add_scaling(writer, config):
  scaling = config.rope_scaling
  if scaling is None:
    return
  if scaling.kind == "linear":
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(scaling.factor)
    return
  # As the converter writes it for Llama 3.1.
  factors = []
  base = config.rope_theta
  exponents = np.arange(0, config.head_dim, 2) / config.head_dim
  for frequency in 1.0 / base**exponents:
    length = 2 * np.pi / frequency
    if length < scaling.original_length / scaling.high_frequency_factor:
      factors.append(1)
    elif length > scaling.original_length / scaling.low_frequency_factor:
      factors.append(scaling.factor)
    else:
      low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
      smooth = (scaling.original_length / length - low) / (high - low)
      factors.append(1 / ((1 - smooth) / scaling.factor + smooth))
  writer.add_tensor("rope_freqs.weight", np.array(factors, np.float32))


def _add_tokenizer(writer, config):
  """Bytes of ASCII, a few merges and marks."""
  letters = [chr(i) for i in range(33, 33 + config.vocab_size - 6)]
  tokens = ["<unk>", "<s>", "</s>", *letters, "Ġ", '!"', 'Ġ!"']
  writer.add_tokenizer_model("gpt2")
  writer.add_tokenizer_pre("llama-bpe")
  writer.add_token_list(tokens)
  writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
  writer.add_token_merges(['! "', 'Ġ !"'])
  writer.add_bos_token_id(1)
  writer.add_eos_token_id(2)
  writer.add_add_bos_token(True)
  writer.add_chat_template("{{ messages[0].content }}")


def tensors_of(model):
  entries = layout.policy_layout(model.config)
  return dict(saving.stored_tensors(model.params, entries))


def put(key, value):
  """Makes a change of `write`: sets a key; None removes it."""

  def change(writer):
    writer.kv_data[0].pop(key, None)
    if isinstance(value, list):
      writer.add_array(key, value)
    elif value is not None:
      add = {
        bool: writer.add_bool, int: writer.add_uint32, str: writer.add_string,
        float: writer.add_float32,
      }  # fmt: skip
      add[type(value)](key, value)

  return change


def save(path, config, *changes):
  """Writes a random model, with some changes of its metadata."""

  def change(writer):
    for each in changes:
      each(writer)

  write(path, config, tensors_of(tiny.make_model(config, seed=1)), change)
