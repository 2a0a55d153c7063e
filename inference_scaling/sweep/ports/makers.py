"""What a model of the user's own must say to take part in a sweep.

A config names a function, a maker, that returns one of these objects:

  config.policies.mine = "python:package.module:make_policy"
  config.reward.format = "python"
  config.reward.source = "python:package.module:make_reward"

The README beside this file shows a whole port. Axis letters: P problems, N
beams per problem.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax

from inference_scaling import search


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PolicyPort:
  """A policy of the user's own, as a maker of `config.policies` returns it.

  Steps, answers and when a text is over are the policy's own: of a sweep's
  settings only `limits.max_steps` and the sampler reach it.

  Attributes:
    make: `make(num_beams) -> search.Policy`. The object is a static argument of
      jitted functions: hashable and without arrays.
    weights: a pytree of arrays.
    params: `params(weights, temperature, top_k, top_p) -> params`, a pytree of
      arrays: what the policy's functions are given. Temperature is float32[],
      0 for greedy decoding; top_k int32[], 0 for no limit; top_p float32[], 1
      for no limit. Raise a ValueError for a sampler that the policy lacks.
    encode: `encode(question) -> prompt`, a pytree of arrays of one problem,
      without the axis P, of the same shapes for all questions: pad them.
    count_tokens: `count_tokens(prompt) -> int`, tokens of an encoded prompt.
    decode: `decode(steps) -> text`. Each step is the `Step.content` of one
      step, in NumPy and without the axes [P, N]: those of a whole solution, or
      of a part of one. The answer of a finished solution is read out of its
      text, as from the text of any other policy.
    parameters: number of weights, at least 1, for the convention `paper`; None
      to count the entries of `weights`.
    flops_per_token: of a forward pass of one token; None for 2 * parameters.
      The convention `full` is this times the tokens of the prompt and of all
      steps: attention that it leaves out is not counted.
    version: names weights and code, so that a folder of records belongs to
      them; None for a digest of the weights and of the maker's module. What
      this module imports is not in the digest.
    tokenizer: only for a reward model of the format `native`, which must have
      the same. Prompts are then `decoding.Prompts` of tokens int32[S] and
      lengths int32[], and contents of steps `decoding.StepTokens`, within
      `config.limits`.
  """

  make: Callable[[int], search.Policy]
  weights: Any
  params: Callable[[Any, jax.Array, jax.Array, jax.Array], Any]
  encode: Callable[[str], Any]
  count_tokens: Callable[[Any], int]
  decode: Callable[[Sequence[Any]], str]
  parameters: int | None = None
  flops_per_token: float | None = None
  version: str | None = None
  tokenizer: Any = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RewardPort:
  """A reward of the user's own, as the maker of `config.reward` returns it.

  It reads prompts and contents of steps as the policy makes them:
  `decoding.Prompts` and `decoding.StepTokens` of a checkpoint, the policy's own
  of a port. A particle filter needs scores between 0 and 1.

  Attributes:
    make: `make(num_beams) -> search.Reward`, as of a `PolicyPort`.
    weights: a pytree of arrays, given to the reward's functions as params.
    parameters: as of a `PolicyPort`, but 0 for one without weights; every
      token of the prompt and of the steps counts as read once.
    flops_per_token: likewise.
    version: likewise.
  """

  make: Callable[[int], search.Reward]
  weights: Any = ()
  parameters: int | None = None
  flops_per_token: float | None = None
  version: str | None = None
