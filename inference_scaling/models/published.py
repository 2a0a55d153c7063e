"""Architectures of published models by name, and tiny ones like them.

The numbers are those of each model's config.json. They let memory be planned
and programs be tried with no file at hand; a checkpoint that is loaded always
brings its own config.json, and that is what counts.
"""

import dataclasses
from typing import Any

import transformers

from inference_scaling.models import config as config_lib
from inference_scaling.models import published_table

RANDOM_PREFIX = "random/"


def published_names() -> list[str]:
  """Lists the names that `published_config` knows, sorted."""
  return sorted(published_table.MODELS)


def published_config(name: str) -> config_lib.DecoderConfig:
  """Returns the architecture of a published model.

  Args:
    name: such as "llemma_7b"; see `published_names`.

  Returns:
    The architecture.

  Raises:
    ValueError: for a name that is not in the table.
  """
  if name not in published_table.MODELS:
    raise ValueError(
      f"there is no published architecture {name!r} in the table; expected "
      f"one of {', '.join(published_names())}."
    )
  sizes, others = published_table.MODELS[name]
  fields: dict[str, Any] = dict(zip(published_table.SIZES, sizes, strict=True))
  fields["head_dim"] = fields["hidden_size"] // fields["num_heads"]
  return config_lib.DecoderConfig(**(fields | dict(others)))


def tiny_config(
  name: str, tokenizer: transformers.PreTrainedTokenizerFast
) -> config_lib.DecoderConfig:
  """Shrinks a published architecture and keeps its traits.

  What stays: family, norms, biases, activation, residuals, rotary settings,
  caps, tied embeddings, and how many query heads share a kv head. What shrinks:
  width, depth, and the window of attention, so that it is met in short texts.

  Args:
    name: as for `published_config`, or "random/" and that name.
    tokenizer: gives the vocabulary and its special tokens.

  Returns:
    The architecture, of some ten thousand weights beside the embedding.

  Raises:
    ValueError: for a name that is not in the table.
  """
  config = published_config(name.removeprefix(RANDOM_PREFIX))
  groups = config.num_heads // config.num_kv_heads
  kv_heads = 4 if groups == 1 else 2
  head_dim = 16 if groups <= 2 else 8
  size = kv_heads * groups * head_dim
  scalar = config.query_pre_attn_scalar
  return dataclasses.replace(
    config,
    vocab_size=len(tokenizer),
    hidden_size=size,
    intermediate_size=2 * size,
    num_layers=2,
    num_heads=kv_heads * groups,
    num_kv_heads=kv_heads,
    head_dim=head_dim,
    sliding_window=None if config.sliding_window is None else 48,
    # One layer of each kind, where there are two.
    window_pattern=None if config.window_pattern is None else 2,
    query_pre_attn_scalar=scalar and scalar / config.head_dim * head_dim,
    rope_scaling=_fewer_frequencies(
      config.rope_scaling, int(head_dim * config.rotary_fraction) // 2
    ),
    eos_token_ids=(tokenizer.eos_token_id,),
    bos_token_id=tokenizer.bos_token_id,
  )


def _fewer_frequencies(
  scaling: config_lib.RopeScaling | None, count: int
) -> config_lib.RopeScaling | None:
  """Leaves the first of the divisors of single frequencies, if any."""
  if scaling is None or scaling.short_factors is None:
    return scaling
  return dataclasses.replace(
    scaling,
    short_factors=scaling.short_factors[:count],
    long_factors=(scaling.long_factors or ())[:count],
  )
