"""REBASE as a script on OpenVINO GenAI that relies on its prefix cache.

Each round hands whole texts to two pipelines, which find in their caches the
keys and values of all that they have read or written before:

1. the policy continues every text that has children by one step of so many
   tokens, in as many ways as it has children (`num_return_sequences`);
2. the reward model reads every text, up to its new step;
3. children are shared out by REBASE's rule, problem by problem.

All problems are in one batch, and beams, rounds and tokens of a step are those
of the search that it is compared with.

What it cannot: OpenVINO GenAI has no reward model that keeps a cache, so a
second pipeline with the policy's weights stands for one as large. Its reward is
the probability of the likeliest next token, which takes logits of one token a
text and step; that of the model here, a value head, takes none. Only steps of
one length are written.
"""

import itertools
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from inference_scaling.benchmark.engines import openvino_engine

NAME, PACKAGES = "OpenVINO GenAI script", openvino_engine.PACKAGES
Texts = Sequence[Sequence[int]]
# From texts, the number of children of each and the tokens of a step: the
# steps of the children of each, int[count, step_tokens].
Draw = Callable[[Texts, Sequence[int], int], list[np.ndarray]]
# From texts, float[texts]: rewards.
Score = Callable[[Texts], np.ndarray]


class Rebase:
  """Searches again and again, each time with other seeds."""

  def __init__(self, folder: pathlib.Path, temperature: float):
    """Converts a model, and loads it as policy and as reward model, in int8.

    Args:
      folder: the model in Hugging Face format; the converted one goes beside.
      temperature: of REBASE.

    Raises:
      ImportError: where a package is missing.
    """
    self._policy, self._reward = (
      openvino_engine.Pipeline(folder, "int8", prefix_cache=True)
      for _ in range(2)
    )
    self._temperature = temperature
    self._runs = itertools.count()

  def __call__(
    self, prompts: Texts, samples: int, step_tokens: int, rounds: int
  ) -> np.ndarray:
    """Searches all problems.

    Args:
      prompts: token ids.
      samples: beams of each.
      step_tokens: of each step.
      rounds: steps of each text.

    Returns:
      int[problems, samples, rounds * step_tokens], without the prompts.
    """
    # Another first token, or this run would begin with the caches of the last.
    run = next(self._runs)
    prompts = [[run, *prompt[1:]] for prompt in prompts]
    return search(
      self._policy.draw, lambda texts: np.exp(self._reward.score(texts)),
      prompts, samples, step_tokens, rounds, self._temperature,
    )  # fmt: skip


def search(
  draw: Draw,
  score: Score,
  prompts: Texts,
  samples: int,
  step_tokens: int,
  rounds: int,
  temperature: float,
) -> np.ndarray:
  """Searches all problems, round by round.

  Args:
    draw: continues texts.
    score: gives rewards.
    prompts: token ids.
    samples: N, beams of each problem.
    step_tokens: of each step.
    rounds: steps of each text.
    temperature: of REBASE.

  Returns:
    int[problems, N, rounds * step_tokens], without the prompts.
  """
  score(prompts)  # or all beams would read their prompt at once, and none reuse
  beams = [[list(prompt)] for prompt in prompts]
  counts = [[samples] for _ in prompts]
  for left in reversed(range(rounds)):
    parents = [
      (problem, text, int(count))
      for problem, texts in enumerate(beams)
      for text, count in zip(texts, counts[problem], strict=True)
      if count
    ]
    steps = draw(
      [text for _, text, _ in parents], [count for *_, count in parents],
      step_tokens,
    )  # fmt: skip
    beams = [[] for _ in prompts]
    for (problem, text, _), children in zip(parents, steps, strict=True):
      beams[problem] += [text + child.tolist() for child in children]
    rewards = score([text for texts in beams for text in texts])
    if left:
      rewards = rewards.reshape(len(prompts), samples)
      counts = [widths(row, temperature).tolist() for row in rewards]
  return np.array(
    [
      [text[len(prompt) :] for text in texts]
      for prompt, texts in zip(prompts, beams, strict=True)
    ]
  )


def widths(rewards: np.ndarray, temperature: float) -> np.ndarray:
  """Gives each beam a number of children, by the rule of the released code.

  Args:
    rewards: float[N].
    temperature: of REBASE.

  Returns:
    int[N], whose sum is N.

  References:
    Wu et al., "Inference Scaling Laws", ICLR 2025, Section 3.1.2.
  """
  weights = np.exp((rewards - rewards.max()) / temperature)
  order = np.argsort(-rewards, kind="stable")
  budget, rest = len(rewards), weights.sum()
  counts = np.zeros(len(rewards), int)
  for beam in order:
    counts[beam] = min(budget, np.ceil(budget * weights[beam] / rest))
    budget, rest = budget - counts[beam], rest - weights[beam]
    if not budget:
      break
  return counts
