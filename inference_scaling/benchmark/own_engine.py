"""This package's engine, as a benchmark uses it."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import decoding, models, search
from inference_scaling.benchmark.measurements import steps
from inference_scaling.decoding.tokens import format as step_format
from inference_scaling.models.rewards import value_head

NAME = "inference_scaling"


def make_policy(
  model: models.Model,
  samples: int,
  prompt_tokens: int,
  new_tokens: int,
  total_tokens: int | None = None,
  format: step_format.Format | None = None,
  value_layers: tuple[int, ...] = (),
) -> decoding.ModelPolicy:
  """Makes a policy whose texts all have the same number of tokens.

  Args:
    model: the language model.
    samples: N.
    prompt_tokens: of a prompt.
    new_tokens: most tokens of a step.
    total_tokens: of a text; None for those of one step.
    format: what ends a step; None for nothing.
    value_layers: that a value head reads.

  Returns:
    The policy.
  """
  return decoding.ModelPolicy(
    model,
    format or steps.EqualSteps(),
    limits(prompt_tokens, new_tokens, total_tokens or new_tokens),
    samples,
    value_layers=value_layers,
  )


def make_value_head(
  config: models.DecoderConfig, layer: int
) -> models.HeadAlone:
  """Makes a random head.

  Args:
    config: of the policy.
    layer: that it reads, counted from 1.

  Returns:
    The head.
  """
  layers, size = (layer,), config.hidden_size
  body = value_head.body_config(config, layers)
  kernel = jax.random.normal(jax.random.key(0), (size,)) * size**-0.5
  weights = {"kernel": kernel, "bias": jnp.zeros(())}
  return models.HeadAlone(body, layers, weights)


def limits(
  prompt_tokens: int, step_tokens: int, total_tokens: int
) -> decoding.Limits:
  """Makes limits; of steps, there may be as many as tokens.

  Args:
    prompt_tokens: of a prompt.
    step_tokens: most tokens of a step.
    total_tokens: of a text.

  Returns:
    The limits.
  """
  return decoding.Limits(
    prompt_tokens, step_tokens, total_tokens, max_steps=total_tokens
  )


def policy_params(
  model: models.Model, head: models.HeadAlone | None = None
) -> decoding.PolicyParams:
  """Samples from the whole distribution, at temperature 1.

  Args:
    model: the language model.
    head: that reads its hidden states, or None.

  Returns:
    Its weights and the sampler.
  """
  weights = None if head is None else head.weights
  return decoding.PolicyParams(
    model.params, jnp.float32(1.0), value_head=weights
  )


def problems(prompts: Sequence[Sequence[int]]) -> list[decoding.PromptProblem]:
  """Numbers prompts.

  Args:
    prompts: token ids.

  Returns:
    Problems for slots.
  """
  return [
    decoding.PromptProblem(number, tuple(prompt))
    for number, prompt in enumerate(prompts)
  ]


class Sampler:
  """Sampling by continuous batching, as in sweeps (a `work.Generate`).

  Policies are kept, so that a second call compiles nothing; another call has
  another seed.
  """

  def __init__(self, model: models.Model, num_slots: int | None = None):
    """Keeps a model.

    Args:
      model: the language model.
      num_slots: problems in flight; None for all.
    """
    self._model, self._num_slots = model, num_slots
    self._models: dict[
      tuple[int, int, int], tuple[decoding.ModelPolicy, decoding.NoReward]
    ] = {}
    self._seeds = itertools.count()
    self._strategy = search.sampling()

  def __call__(
    self, prompts: list[list[int]], samples: int, new_tokens: int
  ) -> np.ndarray:
    """Draws samples of all prompts.

    Args:
      prompts: of one length.
      samples: of each.
      new_tokens: of each sample.

    Returns:
      int[problems, samples, new tokens].
    """
    key = (samples, len(prompts[0]), new_tokens)
    if key not in self._models:
      self._models[key] = (
        make_policy(self._model, *key), decoding.NoReward(samples)
      )  # fmt: skip
    policy, reward = self._models[key]
    finished = decoding.continuous_batching(
      policy, reward, self._strategy, policy_params(self._model), None,
      problems(prompts), next(self._seeds), self._num_slots or len(prompts), 1,
    )  # fmt: skip
    trees = {done.problem_id: done.tree for done in finished}
    return np.stack([_tokens(trees[number]) for number in sorted(trees)])


def _tokens(tree: search.Tree) -> np.ndarray:
  """The first steps of a problem, cut at the shortest."""
  return tree.contents.tokens[0][:, : int(tree.num_tokens[0].min())]
