"""Peak memory of loading: the parameters, and little more than one tensor."""

import json
import pathlib
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from gguf import GGMLQuantizationType as Quantization

from inference_scaling import models, names
from inference_scaling.models import config as config_lib
from inference_scaling.models.checkpoints import layout
from inference_scaling.models.layers import decoder as decoder_lib
from tests.models import gguf_files, load_memory, tiny

# 46 million parameters; the largest tensor has 8 million.
CONFIG = models.DecoderConfig(
  vocab_size=4096, hidden_size=1024, intermediate_size=8192, num_layers=1,
  num_heads=16, num_kv_heads=16, head_dim=128, norm_eps=1e-5, rope_theta=1e4,
  max_position_embeddings=64, tie_word_embeddings=False, eos_token_ids=(2,),
)  # fmt: skip
NUM_PARAMETERS = 4096 * 1024 * 2 + 1024 * (4 * 2048 + 3 * 8192 + 3)
LARGEST = 8192 * 1024
QUANTISED = (names.INT8, names.FP8)
CONSTANT = 20e6  # buffers of libraries, and the allocator's slack


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("large")
  shapes = tiny.shapes(decoder_lib.Decoder, CONFIG)
  stored = layout.stored_shapes(layout.policy_layout(CONFIG), shapes)
  tensors = {
    name: np.full(shape, 0.5, ml_dtypes.bfloat16)
    for name, shape in stored.items()
  }
  safetensors.numpy.save_file(tensors, folder / "model.safetensors")
  raw = config_lib.to_hf(CONFIG)
  (folder / "config.json").write_text(json.dumps(raw))
  tiny.make_tokenizer(100).save_pretrained(folder)
  return folder


@pytest.fixture(scope="module")
def quantised(tmp_path_factory):
  """The same architecture as a GGUF file of Q4_K; every number is 0."""
  path = tmp_path_factory.mktemp("quantised") / "model.gguf"
  shapes = tiny.shapes(decoder_lib.Decoder, CONFIG)
  stored = layout.stored_shapes(layout.policy_layout(CONFIG), shapes)
  gguf_files.write_blocks(path, CONFIG, stored, Quantization.Q4_K)
  return path


def _excess(folder, dtype, *flags):
  """Peak memory beyond the parameters, in bytes."""
  try:
    load_memory.anonymous_bytes()
  except (OSError, RuntimeError):
    pytest.skip("this system does not count anonymous memory")
  root = pathlib.Path(__file__).parents[2]
  command = [sys.executable, "-m", "tests.models.load_memory"]
  done = subprocess.run(
    [*command, str(folder), dtype, *flags],
    capture_output=True, text=True, cwd=root,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  size = 1 if dtype in QUANTISED else np.dtype(dtype).itemsize
  return int(done.stdout) - NUM_PARAMETERS * size


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_loading_takes_less_than_two_tensors_beside_the_model(folder, dtype):
  limit = 2 * LARGEST * np.dtype(dtype).itemsize + CONSTANT
  assert _excess(folder, dtype) < limit


@pytest.mark.parametrize("dtype", QUANTISED)
def test_weights_are_quantised_as_they_are_read(folder, dtype):
  # Neither the model in bfloat16 nor a whole tensor in float32 fits into this.
  assert _excess(folder, dtype) < LARGEST + CONSTANT < 2 * LARGEST * 2


def test_quantised_blocks_become_one_tensor_in_float32(quantised):
  assert _excess(quantised, names.INT8) < 4 * LARGEST + 2 * CONSTANT


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_loading_blocks_takes_no_whole_tensor_beside_the_model(
  quantised, dtype
):
  assert _excess(quantised, dtype) < 2 * CONSTANT


def test_a_loader_that_reads_everything_first_is_found_out(folder):
  limit = 2 * LARGEST * 2 + CONSTANT
  assert _excess(folder, "bfloat16", "--all-at-once") > limit
