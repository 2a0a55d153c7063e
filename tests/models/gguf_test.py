"""GGUF files: blocks to numbers, rows back in order, tokenizers rebuilt."""

import dataclasses
import json

import gguf
import jax
import ml_dtypes
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Quantization

from inference_scaling import models
from inference_scaling.models import sources
from inference_scaling.models.sources.gguf import config as gguf_config
from tests.models import gguf_files, tiny

ROUND = (Quantization.Q8_0, Quantization.Q4_0, Quantization.Q4_1,
         Quantization.Q5_0, Quantization.Q5_1)  # fmt: skip
K_QUANTS = (Quantization.Q2_K, Quantization.Q3_K, Quantization.Q4_K,
            Quantization.Q5_K, Quantization.Q6_K)  # fmt: skip


@pytest.mark.parametrize(
  "config",
  [
    gguf_files.LLAMA, gguf_files.TIED, gguf_files.QWEN, gguf_files.LLAMA3,
    gguf_files.LINEAR, gguf_files.QWEN3, gguf_files.YARN, gguf_files.GEMMA2,
    gguf_files.GEMMA3, gguf_files.OLMO2, gguf_files.PHI3,
  ],
  ids=["untied", "tied", "qwen2", "llama3", "linear", "qwen3", "yarn", "gemma2",
       "gemma3", "olmo2", "phi3"],
)  # fmt: skip
def test_model_in_float32_is_the_same(config, tmp_path):
  model = tiny.make_model(config, seed=1)
  # So that 1 more and 1 less is the same.
  params = jax.tree.map(lambda x: np.round(x * 2**16) / 2**16, model.params)
  model = dataclasses.replace(model, params=params)
  path = tmp_path / "model.gguf"
  gguf_files.write(path, config, gguf_files.tensors_of(model))
  loaded = models.load_model(path)
  expected = dataclasses.replace(
    config, norm_eps=float(np.float32(config.norm_eps))
  )
  assert loaded.config == expected
  jax.tree.map(np.testing.assert_array_equal, loaded.params, model.params)
  assert models.open_checkpoint(path).files() == [path]


def test_tokenizer_and_chat_template(tmp_path):
  gguf_files.save(tmp_path / "model.gguf", gguf_files.LLAMA)
  tokenizer = models.load_model(tmp_path / "model.gguf").tokenizer
  assert tokenizer.bos_token_id == 1 and tokenizer.eos_token_id == 2
  assert tokenizer.tokenize('#$ !"</s>') == ["#", "$", 'Ġ!"', "</s>"]
  assert tokenizer("#")["input_ids"] == [1, 5]
  chat = [{"role": "user", "content": "#"}]
  assert tokenizer.apply_chat_template(chat, tokenize=False) == "#"


def test_what_files_of_llama3_leave_out():
  """As llama.cpp takes it: texts begin with a mark, and turns end."""
  tokens = ["<s>", "<|end_of_text|>", "<|eot_id|>", "Ġ"]
  key = "tokenizer.ggml."
  metadata = {
    f"{key}model": "gpt2", f"{key}pre": "llama-bpe", f"{key}tokens": tokens,
    f"{key}token_type": [3, 3, 3, 1], f"{key}merges": [],
    f"{key}bos_token_id": 0, f"{key}eos_token_id": 1,
  }  # fmt: skip
  tokenizer = sources.gguf_tokenizer(metadata, "here")
  assert tokenizer(" ")["input_ids"] == [0, 3]
  plain = sources.gguf_tokenizer(metadata | {f"{key}pre": "qwen2"}, "here")
  assert plain(" ")["input_ids"] == [3]
  assert gguf_config._ends_of_text(metadata) == [1, 2]


@pytest.mark.parametrize("kind", ROUND, ids=lambda kind: kind.name)
def test_quantised_tensor_is_near_the_original(kind, tmp_path):
  model = tiny.make_model(gguf_files.LLAMA, seed=2)
  path, name = tmp_path / "model.gguf", "model.layers.1.mlp.up_proj.weight"
  tensors = gguf_files.tensors_of(model)
  gguf_files.write(path, gguf_files.LLAMA, tensors, up_proj=kind)
  source = models.open_checkpoint(path).tensors
  assert source.shapes[name] == tensors[name].shape
  result = source.read(name)
  assert result.dtype == np.float32
  bits = int(kind.name[1])
  spread = np.ptp(tensors[name].reshape(-1, 32), axis=1).max()
  error = np.abs(result - tensors[name]).max()
  assert 0 < error < 1.1 * spread / (2**bits - 2)


@pytest.mark.parametrize("kind", [Quantization.F16, Quantization.BF16],
                         ids=lambda kind: kind.name)  # fmt: skip
def test_half_precision_stays_as_it_is(kind, tmp_path):
  tensors = gguf_files.tensors_of(tiny.make_model(gguf_files.LLAMA, seed=2))
  path, name = tmp_path / "model.gguf", "model.layers.1.mlp.up_proj.weight"
  gguf_files.write(path, gguf_files.LLAMA, tensors, up_proj=kind)
  dtype = np.float16 if kind == Quantization.F16 else ml_dtypes.bfloat16
  result = models.open_checkpoint(path).tensors.read(name)
  np.testing.assert_array_equal(
    result, tensors[name].astype(dtype), strict=True
  )


def _half(block, start):
  return np.float64(np.frombuffer(block[start : start + 2], np.float16)[0])


def _plain_q4_0(block):
  """32 numbers d * (q - 8); low halves of the 16 bytes first."""
  low = [byte & 15 for byte in block[2:18]]
  high = [byte >> 4 for byte in block[2:18]]
  return [_half(block, 0) * (q - 8) for q in low + high]


def _plain_q4_1(block):
  """32 numbers d * q + m."""
  low = [byte & 15 for byte in block[4:20]]
  high = [byte >> 4 for byte in block[4:20]]
  return [_half(block, 0) * q + _half(block, 2) for q in low + high]


def _plain_q8_0(block):
  """32 numbers d * q."""
  return [_half(block, 0) * q for q in np.frombuffer(block[2:34], np.int8)]


def _plain_q6_k(block):
  """256 numbers d * scale * (q - 32): 4 low bits, 2 high bits, 16 scales."""
  low, high = block[:128], block[128:192]
  scales = np.frombuffer(block[192:208], np.int8)
  values = []
  for half in range(2):
    for group in range(4):
      for i in range(32):
        byte = low[64 * half + 32 * (group % 2) + i]
        four = byte >> 4 if group >= 2 else byte & 15
        two = (high[32 * half + i] >> (2 * group)) & 3
        scale = scales[8 * half + 2 * group + i // 16]
        q = (four | two << 4) - 32
        values.append(_half(block, 208) * int(scale) * q)
  return values


PLAIN = {
  Quantization.Q4_0: _plain_q4_0, Quantization.Q4_1: _plain_q4_1,
  Quantization.Q8_0: _plain_q8_0, Quantization.Q6_K: _plain_q6_k,
}  # fmt: skip


@pytest.mark.parametrize("kind", [*ROUND, *K_QUANTS], ids=lambda k: k.name)
def test_random_blocks(kind, tmp_path):
  """Any bytes are blocks; compared with the formats written out plainly."""
  size, num_bytes = gguf.GGML_QUANT_SIZES[kind]
  random = np.random.default_rng(kind.value)
  # No scale is NaN or infinite.
  blocks = random.integers(0, 60, (300, 2, num_bytes), np.uint8)
  writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
  writer.add_tensor("x.weight", blocks.reshape(300, -1), raw_dtype=kind)
  writer.write_header_to_file()
  writer.write_kv_data_to_file()
  writer.write_tensors_to_file()
  writer.close()
  source = sources.GgufFile(tmp_path / "model.gguf", 4, 2)
  assert source.shapes == {"x.weight": (300, 2 * size)}
  result = source.read("x.weight")
  whole = gguf.quants.dequantize(blocks.reshape(300, -1), kind)
  np.testing.assert_array_equal(result, whole)
  if kind in PLAIN:
    for row in (0, 255, 256, 299):
      plain = [PLAIN[kind](block.tobytes()) for block in blocks[row]]
      np.testing.assert_allclose(result[row], np.ravel(plain), rtol=1e-5)


def test_type_that_is_not_supported(tmp_path):
  writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
  block = np.zeros((2, 50), np.uint8)
  writer.add_tensor("blk.0.ffn_up.weight", block, raw_dtype=Quantization.IQ1_S)
  writer.write_header_to_file()
  writer.write_kv_data_to_file()
  writer.write_tensors_to_file()
  writer.close()
  with pytest.raises(ValueError, match=r"blk\.0\.ffn_up\.weight.*IQ1_S.*Q4_0"):
    sources.GgufFile(tmp_path / "model.gguf", 4, 2)


@pytest.mark.parametrize("keep", [10, 700, -100])
def test_cut_file(keep, tmp_path):
  path = tmp_path / "model.gguf"
  gguf_files.save(path, gguf_files.LLAMA)
  path.write_bytes(path.read_bytes()[:keep])
  with pytest.raises(ValueError, match=r"model\.gguf is not a whole.*again"):
    models.open_checkpoint(path)


@pytest.mark.parametrize(
  "key,value,named",
  [
    ("tokenizer.ggml.pre", "poro-chat", "'poro-chat', an unknown way"),
    ("tokenizer.ggml.model", "bert", "model is 'bert'"),
    ("general.architecture", "mamba", "architecture is 'mamba'.*llama, olmo2"),
    ("llama.rope.scaling.type", "longrope", "rope_type is 'longrope'"),
  ],
)
def test_unsupported_metadata(key, value, named, tmp_path):
  path = tmp_path / "model.gguf"
  gguf_files.save(path, gguf_files.LLAMA, gguf_files.put(key, value))
  with pytest.raises(ValueError, match=named) as caught:
    models.load_model(path)
  assert str(path) in str(caught.value)


def test_tokenizer_without_merges(tmp_path):
  path = tmp_path / "model.gguf"
  gguf_files.save(
    path, gguf_files.LLAMA, gguf_files.put("tokenizer.ggml.merges", None)
  )
  with pytest.raises(ValueError, match=r"gguf: tokenizer\.ggml\.merges is mis"):
    models.load_model(path)


def test_tensors_that_do_not_fit(tmp_path):
  tensors = gguf_files.tensors_of(tiny.make_model(gguf_files.LLAMA, 1))
  del tensors["model.norm.weight"]
  path = tmp_path / "model.gguf"
  gguf_files.write(path, gguf_files.LLAMA, tensors)
  with pytest.raises(ValueError, match=r"missing: model\.norm\.weight \(32,\)"):
    models.load_model(path)


def test_missing_file_and_folder_of_files(tmp_path):
  with pytest.raises(FileNotFoundError, match=r"nothing\.gguf"):
    models.load_model(tmp_path / "nothing.gguf")
  (tmp_path / "some.gguf").write_bytes(json.dumps({}).encode())
  with pytest.raises(FileNotFoundError, match=r"Give the path.*some\.gguf"):
    models.load_model(tmp_path)


def test_suffix_in_capitals(tmp_path):
  path = tmp_path / "MODEL.GGUF"
  gguf_files.save(path, gguf_files.LLAMA)
  assert models.open_checkpoint(path).files() == [path]
