"""GGUF files to folders of Hugging Face, which transformers computes alike."""

import jax
import numpy as np
import pytest

from inference_scaling import models
from inference_scaling.models.checkpoints import conversion
from tests.models import gguf_files, tiny

torch = pytest.importorskip("torch", reason="parity is with torch models")
transformers = pytest.importorskip("transformers")

CONFIGS = {
  "gemma2": gguf_files.GEMMA2, "gemma3": gguf_files.GEMMA3,
  "olmo2": gguf_files.OLMO2, "phi3": gguf_files.PHI3,
  "yarn": gguf_files.YARN,
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_what_a_file_becomes_computes_the_same(name, tmp_path):
  path, folder = tmp_path / "model.gguf", tmp_path / "folder"
  gguf_files.save(path, CONFIGS[name])
  conversion.convert_to_hf(path, folder)
  model = models.load_model(path)
  again = models.load_model(folder)
  assert again.config == model.config
  jax.tree.map(np.testing.assert_array_equal, again.params, model.params)
  tokens = tiny.draw_tokens(model.config, (2, 17), seed=5)
  expected = transformers.AutoModelForCausalLM.from_pretrained(
    folder, attn_implementation="eager"
  )
  with torch.no_grad():
    logits = expected(torch.tensor(tokens)).logits.numpy()
  assert logits.std(-1).min() > 0.1
  actual = tiny.logits(model, tokens)
  np.testing.assert_allclose(actual, logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["gemma2", "phi3"])
def test_an_orbax_folder_has_the_same_on_a_mesh(name, tmp_path):
  path, folder = tmp_path / "model.gguf", tmp_path / "folder"
  gguf_files.save(path, CONFIGS[name])
  conversion.convert_to_orbax(path, folder)
  model = models.load_model(path)
  mesh = models.make_mesh(4, 2)
  again = models.load_model(folder, mesh=mesh)
  assert again.config == model.config
  jax.tree.map(np.testing.assert_array_equal, again.params, model.params)
  back = tmp_path / "back"
  conversion.convert_to_hf(folder, back)
  last = models.load_model(back, dtype="float32")
  jax.tree.map(np.testing.assert_array_equal, last.params, model.params)
