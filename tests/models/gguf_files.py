"""GGUF files as llama.cpp's converter writes them, of tiny models."""

import dataclasses
import math

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

QWEN3 = dataclasses.replace(
  TIED, family="qwen3", query_key_norm="head", head_dim=6,
)  # fmt: skip
YARN = dataclasses.replace(
  QWEN3, head_dim=16,
  rope_scaling=models.RopeScaling(
    "yarn", 4.0, original_length=128, beta_fast=8.0, beta_slow=4.0,
    attention_factor=0.1 * math.log(4) + 1,
  ),
)  # fmt: skip
GEMMA2 = dataclasses.replace(
  TIED, family="gemma2", num_layers=3, activation="gelu_tanh", norm_offset=1.0,
  post_norm=True, scaled_embedding=True, query_pre_attn_scalar=4.0,
  attention_softcap=1.5, logit_softcap=2.5, sliding_window=5, window_pattern=2,
)  # fmt: skip
GEMMA3 = dataclasses.replace(
  GEMMA2, family="gemma3_text", attention_softcap=None, logit_softcap=None,
  query_key_norm="head", local_rope_theta=20.0, num_layers=7, window_pattern=6,
  rope_scaling=models.RopeScaling("linear", 4.0),
)  # fmt: skip
OLMO2 = dataclasses.replace(
  LLAMA, family="olmo2", query_key_norm="projection", pre_norm=False,
  post_norm=True,
)  # fmt: skip
PHI3 = dataclasses.replace(
  LLAMA, family="phi3", sliding_window=6, head_dim=8, rotary_fraction=0.75,
  num_heads=4, max_position_embeddings=32,
  rope_scaling=models.RopeScaling(
    "longrope", 4.0, original_length=32, stretched_length=128,
    short_factors=(1.0, 1.5, 2.5), long_factors=(2.0, 3.0, 5.0),
    attention_factor=1.25,
  ),
)  # fmt: skip
_ARCHITECTURES = {"gemma3_text": "gemma3"}  # of others as the family
_SHIFTED = ("gemma2", "gemma3_text")  # norms are stored with 1 added


def _name(name, config):
  """As llama.cpp's own table has it."""
  architecture = _architecture(config)
  (kind,) = (k for k, n in gguf.MODEL_ARCH_NAMES.items() if n == architecture)
  names = gguf.get_tensor_name_map(kind, config.num_layers)
  return names.get_name(name, try_suffixes=(".weight", ".bias"))


def _architecture(config):
  return _ARCHITECTURES.get(config.family, config.family)


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
    if config.family in _SHIFTED and name.endswith("norm.weight"):
      value = value + np.float32(1.0)
    kind = types.get(name.split(".")[-2], Quantization.F32)
    if kind == Quantization.F16:
      writer.add_tensor(_name(name, config), value.astype(np.float16))
    else:
      stored = gguf.quants.quantize(value, kind)
      writer.add_tensor(_name(name, config), stored, raw_dtype=kind)
  _finish(writer)


def write_blocks(path, config, shapes, kind):
  """Writes a file whose matrices are quantised, every byte of them 0."""
  writer = _begin(path, config)
  block, num_bytes = gguf.GGML_QUANT_SIZES[kind]
  for name, shape in shapes.items():
    if len(shape) == 1:
      writer.add_tensor(_name(name, config), np.ones(shape, np.float32))
    else:
      rows = np.zeros((shape[0], shape[1] // block * num_bytes), np.uint8)
      writer.add_tensor(_name(name, config), rows, raw_dtype=kind)
  _finish(writer)


def _begin(path, config):
  writer = gguf.GGUFWriter(path, _architecture(config))
  scaling = config.rope_scaling
  length = scaling.stretched_length if scaling is not None else None
  writer.add_context_length(length or config.max_position_embeddings)
  writer.add_embedding_length(config.hidden_size)
  writer.add_block_count(config.num_layers)
  writer.add_feed_forward_length(config.intermediate_size)
  writer.add_head_count(config.num_heads)
  writer.add_head_count_kv(config.num_kv_heads)
  writer.add_key_length(config.head_dim)
  writer.add_layer_norm_rms_eps(config.norm_eps)
  writer.add_rope_freq_base(config.rope_theta)
  if config.family in ("gemma2", "gemma3_text", "phi3"):
    writer.add_sliding_window(config.sliding_window)
  if config.attention_softcap:
    writer.add_attn_logit_softcapping(config.attention_softcap)
    writer.add_final_logit_softcapping(config.logit_softcap)
  if config.local_rope_theta:
    writer.add_rope_freq_base_swa(config.local_rope_theta)
  if config.family == "phi3":
    writer.add_rope_dimension_count(config.rotary_dim)
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
  if scaling.original_length and scaling.kind != "llama3":
    writer.add_rope_scaling_orig_ctx_len(scaling.original_length)
  if scaling.kind == "yarn":
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(scaling.factor)
    writer.add_rope_scaling_yarn_beta_fast(scaling.beta_fast)
    writer.add_rope_scaling_yarn_beta_slow(scaling.beta_slow)
    return
  if scaling.kind == "longrope":
    writer.add_rope_scaling_attn_factors(scaling.attention_factor)
    for name, factors in (
      ("long", scaling.long_factors), ("short", scaling.short_factors),
    ):  # fmt: skip
      writer.add_tensor(
        f"rope_factors_{name}.weight", np.array(factors, np.float32)
      )
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
