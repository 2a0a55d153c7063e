"""Published architectures by name, and tiny random models like them."""

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import models
from inference_scaling.models import published

# One of each family and trait.
NAMES = ("llama3.1_8b", "mistral_7b", "pythia_12b", "qwen2.5_math_1.5b")
SHRUNKEN = {
  "vocab_size", "hidden_size", "intermediate_size", "num_layers", "num_heads",
  "num_kv_heads", "head_dim", "sliding_window", "eos_token_ids", "bos_token_id",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_tiny_model_has_the_traits_of_its_original(name):
  tiny = models.open_checkpoint(f"random/{name}").config
  original = published.published_config(name)
  for field in vars(original):
    if field not in SHRUNKEN:
      assert getattr(tiny, field) == getattr(original, field), field
  assert (tiny.sliding_window is None) == (original.sliding_window is None)
  groups = original.num_heads // original.num_kv_heads
  assert tiny.num_heads // tiny.num_kv_heads == groups


def test_a_tiny_model_is_a_function_of_its_name():
  first, second = (models.load_model("random/pythia_12b") for _ in range(2))
  other = models.load_model("random/pythia_2.8b")
  tokens = jnp.arange(12).reshape(2, 6)
  logits = [m.logits(m.params, tokens) for m in (first, second, other)]
  np.testing.assert_array_equal(logits[0], logits[1])
  assert np.abs(logits[0] - logits[2]).max() > 0.1
  assert np.isfinite(logits[0]).all()


def test_an_unknown_name_lists_those_that_there_are():
  with pytest.raises(ValueError, match="'llemma_8b'.*llemma_34b, llemma_7b"):
    models.load_model("random/llemma_8b")
