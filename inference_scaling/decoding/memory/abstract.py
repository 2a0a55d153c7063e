"""Models and searches that have shapes only: no weights, no tokenizer.

They trace like the real ones, which is how memory is planned for models that
nobody has downloaded.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import transformers
from flax import nnx

from inference_scaling import models, names
from inference_scaling import search as search_lib
from inference_scaling.decoding import (
  group_confidence,
  hidden_state_reward,
  no_reward,
)
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding.kv_cache import choice
from inference_scaling.decoding.tokens import automaton
from inference_scaling.models import reward_formats
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats, modules
from inference_scaling.models.rewards import external_reward, value_head
from inference_scaling.models.rewards import model as reward_model
from inference_scaling.search import batching
from inference_scaling.search import loop as loop_lib

# Shapes need no tokenizer.
_NO_TOKENIZER: Any = None


@dataclasses.dataclass(frozen=True)
class Search:
  """Models, lengths and dtype of a search.

  Attributes:
    policy: architecture of the policy.
    reward: that of the reward model, None for none.
    reward_format: of the reward model, as `models.load_reward_model` takes it.
    dtype: of weights and caches; where weights are quantised, caches are of
      bfloat16.
    limits: of the policy.
    reward_limits: of a reward model with its own tokens.
    cache: how beams are stored, one of `choice.CACHES`.
    tree_tokens: as `choice.Storage` takes it.
    reward_dtype: of the reward model; None for that of the policy.
    attention: how beams attend to their past, one of `names.ATTENTIONS`.
    value_layers: of the policy, that a value head reads as it decodes: no
      reward model is then needed. () for none.
    confidence_tokens: as of `ModelPolicy`.
    confidence_window: tokens of a group whose confidence is the reward; 0 where
      it is not.
  """

  policy: models.DecoderConfig
  reward: models.DecoderConfig | None
  reward_format: str
  dtype: str
  limits: limits_lib.Limits
  reward_limits: limits_lib.Limits
  cache: str = choice.DENSE
  tree_tokens: int | None = None
  reward_dtype: str | None = None
  attention: str = names.AUTO
  value_layers: tuple[int, ...] = ()
  confidence_tokens: int = 0
  confidence_window: int = 0

  @property
  def reward_model_limits(self) -> limits_lib.Limits:
    """The limits of the reward model's buffers, whichever tokens it takes."""
    own = self.reward_format in names.OWN_TOKENS
    return self.limits if own else self.reward_limits

  @property
  def reward_model_dtype(self) -> str:
    """The dtype of the reward model."""
    return self.reward_dtype or self.dtype


@dataclasses.dataclass(frozen=True)
class Leaf:
  """An array of the state; its size is a function of P and N.

  Attributes:
    one_beam: shape for one problem and one beam.
    two_beams: shape for one problem and two beams.
    itemsize: bytes of an entry.
    most: the most entries that any number of beams has; None for no limit.
  """

  one_beam: tuple[int, ...]
  two_beams: tuple[int, ...]
  itemsize: int
  most: int | None = None

  def shape(self, problems: int, beams: int) -> tuple[int, ...]:
    """The shape for P problems of N beams."""
    rest = zip(self.one_beam[1:], self.two_beams[1:], strict=True)
    return (problems, *(self._size(*sizes, beams) for sizes in rest))

  def _size(self, one: int, two: int, beams: int) -> int:
    """The size of an axis, for N beams."""
    if one == two:
      return one
    return min(one * beams, self.most or one * beams)


def weights(search: Search) -> tuple[Any, Any]:
  """Lists the weights of policy and reward model.

  Args:
    search: their architectures.

  Returns:
    Nested dicts of `jax.ShapeDtypeStruct`; the second is empty without a
    reward model.
  """
  reward = {} if search.reward is None else reward_of(search).params
  return policy_model(search).params, reward


def state(search: Search) -> list[tuple[tuple[Any, ...], Leaf]]:
  """Lists the arrays of the state of a search.

  Args:
    search: what is searched with.

  Returns:
    Paths, as `jax.tree_util` gives them, and arrays.
  """
  one_beam, two_beams = (
    jax.tree_util.tree_leaves_with_path(_state(search, beams))
    for beams in (1, 2)
  )
  return [
    (path, Leaf(
      leaf.shape, other.shape, _itemsize(leaf.dtype),
      search.tree_tokens if _in_store(path) else None,
    ))
    for (path, leaf), (_, other) in zip(one_beam, two_beams, strict=True)
  ]  # fmt: skip


def _in_store(path: tuple[Any, ...]) -> bool:
  """Returns whether a leaf holds the beams' own keys or values."""
  return any(getattr(key, "name", None) == "own" for key in path)


def _state(search: Search, beams: int) -> Any:
  """Traces the start of a search of one problem."""
  reward_limits = search.reward_model_limits
  writer = policy_model(search)
  policy = policy_lib.ModelPolicy(
    writer, _NoFormat(), search.limits, beams, None, search.cache,
    value_layers=search.value_layers,
    confidence_tokens=search.confidence_tokens,
  )  # fmt: skip
  reward: batching.BatchedReward = no_reward.NoReward(beams)
  reward_params: Any = None
  if search.confidence_window:
    reward = group_confidence.GroupConfidence(search.confidence_window, beams)
  if search.value_layers:
    reward = value_reward(search, beams)
  if search.reward is not None:
    model = reward_of(search)
    translator: Any = model.reward_format and _Translator(
      model.reward_format, reward_limits
    )
    reward = reward_lib.ModelReward(
      model, reward_limits, beams, translator, None, search.cache
    )
    reward_params = model.params

  def start(policy_params: Any, reward_params: Any, prompts: Any, keys: Any):
    return loop_lib.init_search(
      policy, reward, search_lib.sampling(), policy_params, reward_params,
      prompts, keys, max_depth=search.limits.max_steps,
    )  # fmt: skip

  return jax.eval_shape(
    start,
    state_lib.PolicyParams(
      writer.params,
      _array((), jnp.float32),
      value_head=head_weights(search),
    ),
    reward_params,
    _prompts(search.limits, _prompts(reward_limits)),
    jax.eval_shape(lambda: jax.random.key(0)[None]),
  )


def value_reward(
  search: Search, beams: int
) -> hidden_state_reward.HiddenStateReward:
  """Makes the reward of a search whose policy has layers that are read.

  Args:
    search: the search.
    beams: N.

  Returns:
    The reward.
  """
  body = value_head.body_config(search.policy, search.value_layers)
  return hidden_state_reward.HiddenStateReward(body, beams)


def head_weights(search: Search) -> dict[str, Any] | None:
  """Lists the weights of a value head without an inner layer, which are few.

  Args:
    search: the search.

  Returns:
    `jax.ShapeDtypeStruct` by name; None without layers that are read.
  """
  features = len(search.value_layers) * search.policy.hidden_size
  if not features:
    return None
  return {
    "kernel": _array((features,), jnp.float32),
    "bias": _array((), jnp.float32),
  }


def policy_model(search: Search) -> models.Model:
  """Makes a policy of shapes.

  Args:
    search: its architecture and dtype.

  Returns:
    The model, with `jax.ShapeDtypeStruct` for weights and no tokenizer.
  """
  make = lambda: decoder_lib.Decoder(search.policy, nnx.Rngs(0))  # noqa: E731
  graph, params = _shapes(make, search.dtype)
  return models.Model(search.policy, params, _NO_TOKENIZER, graph)


def reward_of(search: Search) -> models.RewardModel:
  """Makes a reward model of shapes, as `policy_model`, of a search with one."""
  assert search.reward is not None
  # Without an unembedding of its own: see models/rewards/loading.py.
  config = dataclasses.replace(search.reward, tie_word_embeddings=True)
  if search.reward_format == names.VALUE_HEAD:
    # As if it read one layer; beside the body, what it reads is little.
    graph, params = _shapes(
      lambda: value_head.ValueReward(
        config, (config.num_layers,), 0, nnx.Rngs(0)
      ),
      search.reward_model_dtype,
    )
    return value_head.ValueModel(config, params, _NO_TOKENIZER, graph)
  if search.reward_format == names.NATIVE_REWARD:
    graph, params = _shapes(
      lambda: reward_model.StepReward(config, nnx.Rngs(0)),
      search.reward_model_dtype,
    )
    return models.RewardModel(config, params, _NO_TOKENIZER, graph)
  module = reward_formats.format_class(search.reward_format).module
  graph, params = _shapes(
    lambda: external_reward.ExternalReward(config, module, nnx.Rngs(0)),
    search.reward_model_dtype,
  )
  score = jax.tree.map(
    lambda leaf: _array(leaf.shape, jnp.float32), params["score"]
  )
  params = params | {"score": score}
  reward_format: Any = _RewardFormat(search.reward_format)
  return external_reward.ExternalRewardModel(
    config, params, _NO_TOKENIZER, graph, reward_format
  )


def _shapes(make: Callable[[], nnx.Module], dtype: str) -> tuple[Any, Any]:
  """Structure and weights of a module, in some dtype."""
  graph, shapes = modules.shapes(make, dtype)
  return graph, jax.tree.map(
    lambda leaf: _array(
      leaf.shape,
      leaf.dtype if leaf.dtype in formats.STORED else activations(dtype),
    ),
    shapes,
  )


def activations(dtype: str) -> jnp.dtype:
  """Says in what dtype an accelerator has all but quantised weights."""
  accelerator = hardware.Hardware("tpu", 1)  # any
  return jnp.dtype(formats.activations(dtype, accelerator))


def _prompts(
  limits: limits_lib.Limits, reward: limits_lib.Prompts | None = None
) -> limits_lib.Prompts:
  tokens = _array((1, limits.prompt_buffer), jnp.int32)
  return limits_lib.Prompts(tokens, _array((1,), jnp.int32), reward)


def _array(shape: tuple[int, ...], dtype: Any) -> Any:
  """A `jax.ShapeDtypeStruct`, which stands for an array."""
  return jax.ShapeDtypeStruct(shape, jnp.dtype(dtype))


def _itemsize(dtype: Any) -> int:
  # A key of threefry is two words; its dtype says nothing of that.
  return 8 if jnp.issubdtype(dtype, jax.dtypes.prng_key) else dtype.itemsize


@dataclasses.dataclass(frozen=True)
class _NoFormat:
  """Stands for a `StepFormat`, which would need a tokenizer."""

  step_bits: int = 1
  answer_bits: int = 2
  whole: bool = False
  split_after: int = 0

  def compile(
    self, tokenizer: transformers.PreTrainedTokenizerFast, vocab_size: int
  ) -> automaton.Automaton:
    """Makes a table of the right width that finds nothing."""
    del tokenizer
    table = jnp.zeros((1, vocab_size), jnp.int32)
    return automaton.Automaton(table, table)


@dataclasses.dataclass(frozen=True)
class _RewardFormat:
  """Stands for a `RewardFormat`, likewise."""

  name: str


@dataclasses.dataclass(frozen=True)
class _Translator:
  """Stands for a `Translator`; only its limits are used."""

  reward_format: Any
  limits: limits_lib.Limits
