"""The two ways to store the keys and values of beams, by name.

A "dense" cache has an entry for each token of each beam: a fork copies keys and
values. A "tree" holds each distinct token once and a beam as a list of entries:
a fork copies the list. Results have the same bits with either, but on a single
CPU, where machine code sums what a dense cache holds in an order of its own.
"""

import dataclasses

import jax

from inference_scaling import models, names
from inference_scaling.decoding.kv_cache import dense as cache_lib
from inference_scaling.decoding.kv_cache import stored_rows, tree
from inference_scaling.models.layers import hardware as hardware_lib

CACHES = names.CACHES
DENSE, TREE = CACHES
Cache = cache_lib.Cache | tree.TreeCache


@dataclasses.dataclass(frozen=True)
class Storage:
  """How the beams of a problem are stored.

  Attributes:
    kind: one of CACHES.
    num_beams: N.
    size: T, the most tokens of a beam's text.
    tree_tokens: the most distinct tokens of a problem that a tree holds at
      once; None for as many as its beams can have, as in a dense cache.
    hardware: that the programs are for.
  """

  kind: str
  num_beams: int
  size: int
  tree_tokens: int | None = None
  hardware: hardware_lib.Hardware = dataclasses.field(
    default_factory=lambda: hardware_lib.of_mesh(None)
  )

  def __post_init__(self):
    if self.kind not in CACHES:
      raise ValueError(
        f"cache is {self.kind!r}; expected one of {', '.join(CACHES)}."
      )
    if self.tree_tokens is None:
      return
    if self.kind == DENSE:
      raise ValueError(
        f"tree_tokens is {self.tree_tokens}, but the cache is dense and "
        f"holds all tokens. Leave it None, or choose cache={TREE!r}."
      )
    if self.tree_tokens < 1:
      raise ValueError(
        f"tree_tokens is {self.tree_tokens}; expected at least 1, or None for "
        "space for all tokens."
      )

  def serves_in_place(
    self, config: models.DecoderConfig, prompt_size: int
  ) -> bool:
    """Says whether rows may stay where they are stored.

    Args:
      config: the architecture.
      prompt_size: entries of a prompt's buffer.

    Returns:
      As `stored_rows.serves`; False for a tree, whose paths lie scattered.
    """
    sizes = (prompt_size, self.size)
    return self.kind == DENSE and stored_rows.serves(
      config, self.hardware, sizes
    )

  @property
  def capacity(self) -> int:
    """The most distinct tokens of a problem."""
    every = self.num_beams * self.size
    return every if self.tree_tokens is None else min(self.tree_tokens, every)

  def start(self, prompt: cache_lib.Layers, prompt_lengths: jax.Array) -> Cache:
    """Makes a cache that holds only prompts.

    Args:
      prompt: for each layer keys and values, as of a `Cache`.
      prompt_lengths: int32[P].

    Returns:
      The cache.
    """
    beams = (prompt, prompt_lengths, self.num_beams, self.size)
    if self.kind == DENSE:
      return cache_lib.start(*beams, self.hardware)
    return tree.start(*beams, self.capacity, self.hardware)
