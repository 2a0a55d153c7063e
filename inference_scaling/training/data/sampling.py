"""Solutions drawn from a policy, as training data for a reward model."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp

from inference_scaling import decoding, models, search
from inference_scaling.tasks import Problem, step_prompt, synthetic

STEP_FORMAT = decoding.StepFormat(
  step_end=(f" {synthetic.STEP_TAG}",), answer_markers=("The answer is",)
)


class Solution(NamedTuple):
  """One drawn solution.

  Attributes:
    step_tokens: token ids of each step.
    step_texts: their texts.
  """

  step_tokens: tuple[tuple[int, ...], ...]
  step_texts: tuple[str, ...]

  @property
  def text(self) -> str:
    """All steps together."""
    return "".join(self.step_texts)


class Sampler:
  """Draws solutions from one policy at temperature 1, without rewards.

  Attributes:
    model: the policy.
    num_samples: solutions a problem.
  """

  def __init__(
    self,
    model: models.Model,
    num_samples: int,
    limits: decoding.Limits,
    num_slots: int,
  ):
    self.model = model
    self.num_samples = num_samples
    self._limits = limits
    self._num_slots = num_slots
    self._policy = decoding.ModelPolicy(model, STEP_FORMAT, limits, num_samples)
    self._reward = decoding.NoReward(num_samples)

  def prompt(self, problem: Problem) -> tuple[int, ...]:
    """Encodes a problem as the policy was trained to read it."""
    text = step_prompt(problem.question)
    return tuple(self.model.tokenizer(text)["input_ids"])

  def solve(
    self, problems: Sequence[Problem], seed: int
  ) -> Iterator[tuple[int, list[Solution]]]:
    """Draws solutions of problems.

    Args:
      problems: with different ids.
      seed: of the draws.

    Yields:
      The id of a problem and its solutions, as problems end.
    """
    starts = [
      decoding.PromptProblem(problem.id, self.prompt(problem))
      for problem in problems
    ]
    yield from self.complete(starts, seed)

  def complete(
    self, starts: Iterable[decoding.PromptProblem], seed: int
  ) -> Iterator[tuple[int, list[Solution]]]:
    """Draws completions of texts that are already encoded.

    Args:
      starts: with different ids.
      seed: of the draws.

    Yields:
      The id of a start and its completions, as they end.
    """
    params = decoding.PolicyParams(self.model.params, jnp.float32(1.0))
    for finished in decoding.continuous_batching(
      self._policy, self._reward, search.sampling(), params, None, starts,
      seed, self._num_slots, self._limits.max_steps,
    ):  # fmt: skip
      yield finished.problem_id, self._solutions(finished.tree)

  def _solutions(self, tree: search.Tree) -> list[Solution]:
    """Reads the beams of one problem; sampling never moves a beam."""
    solutions = []
    for beam in range(self.num_samples):
      steps = []
      for depth in range(tree.active.shape[0]):
        if tree.active[depth, beam]:
          length = tree.num_tokens[depth, beam]
          tokens = tree.contents.tokens[depth, beam, :length]
          steps.append(tuple(int(token) for token in tokens))
      texts = tuple(str(self.model.tokenizer.decode(step)) for step in steps)
      solutions.append(Solution(tuple(steps), texts))
    return solutions
