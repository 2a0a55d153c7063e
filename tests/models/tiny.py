"""Tiny architectures, tokenizers and folders for the tests of this room."""

import dataclasses
import functools
import json
import pathlib

import jax
import numpy as np
import tokenizers
import transformers
from flax import nnx
from tokenizers import pre_tokenizers

from inference_scaling import models
from inference_scaling.models.layers import decoder
from inference_scaling.models.rewards import model as reward_model

# No number is a default of transformers, and no two agree by accident: a field
# that is not read shows up as a wrong logit.
WIDE_HEADS = models.DecoderConfig(  # head_dim is not hidden_size / num_heads
  vocab_size=50, hidden_size=24, intermediate_size=40, num_layers=2,
  num_heads=4, num_kv_heads=2, head_dim=8, norm_eps=1e-2, rope_theta=500.0,
  max_position_embeddings=64, tie_word_embeddings=False, eos_token_ids=(2,),
  bos_token_id=1,
)  # fmt: skip
ONE_KV_HEAD = dataclasses.replace(
  WIDE_HEADS, vocab_size=33, hidden_size=32, intermediate_size=24,
  num_kv_heads=1, norm_eps=0.1, rope_theta=77.0, tie_word_embeddings=True,
)  # fmt: skip
ODD_GROUPS = dataclasses.replace(
  WIDE_HEADS, num_layers=1, num_heads=6, head_dim=6, norm_eps=1e-3,
  rope_theta=2e6,
)  # fmt: skip
NO_GROUPS = dataclasses.replace(
  WIDE_HEADS, hidden_size=16, num_layers=3, num_heads=2, head_dim=12,
  norm_eps=0.3, rope_theta=9.0, tie_word_embeddings=True,
)  # fmt: skip
ARCHITECTURES = {
  "wide_heads": WIDE_HEADS,
  "one_kv_head": ONE_KV_HEAD,
  "odd_groups": ODD_GROUPS,
  "no_groups": NO_GROUPS,
}


def make_tokenizer(num_tokens: int) -> transformers.PreTrainedTokenizerFast:
  """One token a word: <unk>, <s>, </s>, w3, w4, ..."""
  names = ["<unk>", "<s>", "</s>", *(f"w{i}" for i in range(3, num_tokens))]
  core = tokenizers.Tokenizer(
    tokenizers.models.WordLevel(
      {name: index for index, name in enumerate(names)}, unk_token="<unk>"
    )
  )
  core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=core,
    unk_token="<unk>",
    bos_token="<s>",
    eos_token="</s>",
    clean_up_tokenization_spaces=False,
  )


def make_model(config: models.DecoderConfig, seed: int) -> models.Model:
  """A model whose every weight is random, the scales of its norms too."""
  return _make(models.Model, decoder.Decoder, config, seed)


def make_reward_model(
  config: models.DecoderConfig, seed: int
) -> models.RewardModel:
  """A reward model whose every weight is random."""
  return _make(models.RewardModel, reward_model.StepReward, config, seed)


def shapes(module_class, config: models.DecoderConfig):
  """Shapes of the parameters of a module; nothing is computed."""
  module = nnx.eval_shape(lambda: module_class(config, nnx.Rngs(0)))
  return nnx.to_pure_dict(nnx.split(module)[1])


def _make(model_class, module_class, config, seed):
  # Only shapes are traced: compiling the initialisers would take seconds.
  module = nnx.eval_shape(lambda: module_class(config, nnx.Rngs(0)))
  graph, shapes = nnx.split(module)
  params = shake(nnx.to_pure_dict(shapes), seed)
  tokenizer = make_tokenizer(config.vocab_size)
  return model_class(config, params, tokenizer, graph)


@functools.cache
def _jitted(model, method):
  """One jitted function a model and method: tests share its compilations."""
  return jax.jit(getattr(model, method))


def logits(model: models.Model, tokens, params=None):
  """As `model.logits`, compiled as a whole: faster than one by one."""
  return _jitted(model, "logits")(params or model.params, tokens)


def solution(tokens) -> np.ndarray:
  """Marks all but the first three tokens, which are taken for the prompt."""
  return np.broadcast_to(np.arange(tokens.shape[1]) >= 3, tokens.shape)


def rewards(model: models.RewardModel, tokens):
  """As `model.token_rewards`, compiled as a whole."""
  read = _jitted(model, "token_rewards")
  return read(model.params, tokens, solution(tokens))


def forward(model: models.Model, *arguments):
  """As `model.forward`, compiled as a whole."""
  return _jitted(model, "forward")(model.params, *arguments)


def shake(params, seed: int):
  """Replaces all weights by random ones of a size that lets them matter."""
  rng = np.random.default_rng(seed)

  def draw(leaf):
    if leaf.ndim == 1:
      return np.asarray(rng.normal(1.0, 0.3, leaf.shape), np.float32)
    scale = 1.5 * min(leaf.shape) ** -0.5
    return np.asarray(rng.normal(0.0, scale, leaf.shape), np.float32)

  return jax.tree.map(draw, params)


def draw_tokens(config: models.DecoderConfig, shape, seed: int) -> np.ndarray:
  """Random token ids."""
  rng = np.random.default_rng(seed)
  return rng.integers(0, config.vocab_size, shape).astype(np.int32)


def edit_config(folder: pathlib.Path, **changes) -> None:
  """Changes keys of config.json; a value of None removes the key."""
  path = folder / "config.json"
  raw = json.loads(path.read_text()) | changes
  raw = {key: value for key, value in raw.items() if value is not None}
  path.write_text(json.dumps(raw))
