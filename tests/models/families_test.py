"""Each family against its model in transformers, by config.json and tensors."""

import copy
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from inference_scaling import models
from tests.models import families, tiny

torch = pytest.importorskip("torch", reason="parity is with torch models")
transformers = pytest.importorskip("transformers")
reference = pytest.importorskip("tests.models.reference")

T = 17


@pytest.fixture(scope="module", params=sorted(families.RAW))
def pair(request, tmp_path_factory):
  """A model of transformers, and the same loaded from what it saves."""
  name = request.param
  # transformers writes into what it is given.
  raw = copy.deepcopy(families.RAW[name])
  kind = raw.pop("model_type")
  torch.manual_seed(len(name))
  config = transformers.AutoConfig.for_model(
    kind, **raw, attn_implementation="eager"
  )
  expected = transformers.AutoModelForCausalLM.from_config(config).eval()
  reference.shake(expected)
  folder = tmp_path_factory.mktemp(name)
  expected.save_pretrained(folder)
  tiny.make_tokenizer(raw["vocab_size"]).save_pretrained(folder)
  actual = models.load_model(folder)
  tokens = tiny.draw_tokens(actual.config, (2, T), seed=5)
  with torch.no_grad():
    logits = expected(torch.tensor(tokens)).logits.numpy()
  return types.SimpleNamespace(
    name=name, folder=folder, model=actual, tokens=tokens, logits=logits
  )


def test_config_of_transformers_reads_the_same(pair):
  # It writes other keys than published files have: rope_parameters, say.
  assert pair.model.config == families.READ[pair.name]


def test_logits_agree(pair):
  actual = tiny.logits(pair.model, pair.tokens)
  # Not a comparison of nothing with nothing.
  assert pair.logits.std(-1).min() > 0.1
  np.testing.assert_allclose(actual, pair.logits, rtol=0, atol=1e-4)


def test_transformers_reads_what_is_saved(pair, tmp_path):
  models.save_model(pair.model, tmp_path)
  expected = transformers.AutoModelForCausalLM.from_pretrained(
    tmp_path, attn_implementation="eager"
  )
  with torch.no_grad():
    logits = expected(torch.tensor(pair.tokens)).logits.numpy()
  np.testing.assert_allclose(logits, pair.logits, rtol=0, atol=1e-5)
  # Fused and transposed there and back: the same bits under the same names.
  before, after = (
    safetensors.numpy.load_file(folder / "model.safetensors")
    for folder in (pair.folder, tmp_path)
  )
  assert set(before) == set(after)
  for name, value in before.items():
    np.testing.assert_array_equal(after[name], value)


def test_bfloat16_stays_close(pair):
  halved = jax.tree.map(lambda x: jnp.bfloat16(x), pair.model.params)
  actual = tiny.logits(pair.model, pair.tokens, halved)
  assert actual.dtype == jnp.float32
  hidden = jax.eval_shape(pair.model.hidden, halved, pair.tokens)
  assert hidden.dtype == jnp.bfloat16
  expected = pair.logits
  error = np.sqrt(np.mean(np.square(actual - expected)) / np.mean(expected**2))
  assert 1e-4 < error < 0.05
