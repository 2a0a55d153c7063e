"""A head on hidden states of a policy, as transformers computes them."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import transformers
from flax import nnx

from inference_scaling import models
from inference_scaling.models.rewards import value_file, value_head
from tests.models import tiny

LAYERS = (1, 3)
CONFIG = tiny.NO_GROUPS  # three layers
TOKENS = np.array([[1, 5, 9, 3, 7, 11], [1, 4, 4, 8, 6, 2]])


def write(folder, width=3, **changes):
  """A policy in folder/body and a head on it in folder/head."""
  model = tiny.make_model(CONFIG, 0)
  models.save_model(model, folder / "body")
  described = value_file.Description(
    body=str(folder / "body"),
    body_sha256="",
    layers=LAYERS,
    hidden_size=CONFIG.hidden_size,
    width=width,
    vocabulary_sha256=value_file.vocabulary_sha256(model.tokenizer),
  )
  described = dataclasses.replace(described, **changes)
  rng = np.random.default_rng(1)
  weights = {
    name: rng.normal(size=shape).astype(np.float32)
    for name, shape in described.shapes().items()
  }
  value_file.save(folder / "head", described, weights)
  return weights


@pytest.mark.parametrize("width", [0, 3])
def test_rewards_are_those_of_hidden_states_of_transformers(tmp_path, width):
  torch = pytest.importorskip("torch")
  weights = write(tmp_path, width)
  theirs = transformers.AutoModelForCausalLM.from_pretrained(
    tmp_path / "body", dtype=torch.float32
  )
  with torch.no_grad():
    states = theirs(
      torch.tensor(TOKENS), output_hidden_states=True
    ).hidden_states
    # The last of them is behind the norm already.
    read = [theirs.model.norm(states[1]), states[3]]
  x = np.concatenate([state.numpy() for state in read], axis=-1)
  if width:
    x = np.maximum(x @ weights["inner_kernel"] + weights["inner_bias"], 0)
  wanted = 1 / (1 + np.exp(-(x @ weights["kernel"] + weights["bias"])))
  model = models.load_value_model(tmp_path / "head")
  rewards = model.token_rewards(
    model.params, jnp.array(TOKENS), jnp.ones(TOKENS.shape, bool)
  )
  np.testing.assert_allclose(rewards, wanted, atol=1e-4)


def test_the_body_is_cut_behind_the_last_layer_that_is_read(tmp_path):
  write(tmp_path, layers=(2,))
  model = models.load_value_model(tmp_path / "head")
  assert model.config.num_layers == 2
  assert len(model.params["decoder"]["layers"]) == 2
  assert "unembedding" not in model.params["decoder"]
  with pytest.raises(TypeError, match="has no unembedding"):
    model.unembed(model.params, jnp.zeros((1, CONFIG.hidden_size)))


def test_eight_devices_score_as_one(tmp_path):
  write(tmp_path)
  rewards = []
  for mesh in (None, models.make_mesh(4, 2)):
    model = models.load_value_model(tmp_path / "head", mesh=mesh)
    score = jax.jit(model.token_rewards)
    solution = jnp.ones(TOKENS.shape, bool)
    rewards.append(score(model.params, jnp.array(TOKENS), solution))
  np.testing.assert_allclose(*rewards, atol=1e-5)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"hidden_size": 40}, "reads hidden states of 40 numbers.*has 16"),
    ({"layers": (1, 4)}, r"layers is \(1, 4\); expected.*from 1 to 3"),
    ({"layers": (2, 1)}, "expected one or more rising numbers"),
    ({"vocabulary_sha256": "0"}, "those of its body.*are others"),
  ],
)
def test_heads_that_do_not_fit_their_body_are_refused(
  tmp_path, changes, message
):
  write(tmp_path, **changes)
  with pytest.raises(ValueError, match=message):
    models.load_value_model(tmp_path / "head")


def test_weights_of_another_width_are_refused(tmp_path):
  write(tmp_path)
  path = tmp_path / "head" / "config.json"
  content = json.loads(path.read_text("utf-8"))
  path.write_text(json.dumps(content | {"width": 5}), "utf-8")
  with pytest.raises(ValueError, match=r"holds tensors.*and width 5"):
    models.load_value_model(tmp_path / "head")
  path.write_text(json.dumps(content | {"width": "5"}), "utf-8")
  with pytest.raises(ValueError, match="width is '5'; expected int"):
    models.load_value_model(tmp_path / "head")


def test_a_folder_of_another_model_is_no_head(tmp_path):
  write(tmp_path)
  with pytest.raises(ValueError, match="is not that of a value head"):
    models.load_value_model(tmp_path / "body")
  with pytest.raises(FileNotFoundError, match=r"which launch/train\.py"):
    models.load_value_model(tmp_path / "none")


def test_a_new_head_says_one_half(tmp_path):
  head = value_head.ValueHead(6, 4, nnx.Rngs(0))
  assert float(jax.nn.sigmoid(head(jnp.ones(6)))) == 0.5
