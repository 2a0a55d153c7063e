"""Loaded models, and the search of one run over some problems."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from inference_scaling import decoding, models, tasks
from inference_scaling.sweep import checkpoints, grid, strategies


@dataclasses.dataclass(frozen=True)
class Sampler:
  """How tokens are drawn; greedy runs take temperature 0 and no filter.

  Attributes:
    temperature: of the policy's distribution.
    top_k: most tokens to draw from; 0 for no limit.
    top_p: least probability that they hold together; 1 for no limit.
  """

  temperature: float
  top_k: int
  top_p: float


class Engine:
  """Runs searches with a few policies and one reward model.

  Objects and programs are made once for each policy and n and kept, so that
  another seed or temperature compiles nothing.
  """

  def __init__(
    self,
    policies: Mapping[str, models.Model],
    reward: models.RewardModel,
    step_format: decoding.StepFormat,
    limits: decoding.Limits,
    sampler: Sampler,
  ):
    self.policies = policies
    self.reward = reward
    self.limits = limits
    self._format = step_format
    self._sampler = sampler
    self._pairs: dict[tuple[str, int], tuple] = {}

  def prompts(
    self, policy: str, problems: Sequence[tasks.Problem]
  ) -> list[decoding.PromptProblem]:
    """Tokenizes problems for a policy.

    Args:
      policy: its name.
      problems: the problems.

    Returns:
      Their prompts.

    Raises:
      ValueError: names the problems whose prompt does not fit the cache.
    """
    tokenizer = self.policies[policy].tokenizer
    texts = [tasks.step_prompt(problem.question) for problem in problems]
    rows = tokenizer(texts)["input_ids"] if texts else []
    size = self.limits.prompt_buffer
    long = {
      problem.id: len(row)
      for problem, row in zip(problems, rows, strict=True)
      if len(row) > size
    }
    if long:
      some = ", ".join(f"{i} ({long[i]} tokens)" for i in sorted(long)[:5])
      raise ValueError(
        f"{len(long)} of {len(problems)} prompts of policy {policy} are longer "
        f"than the cache's {size} tokens: problems {some}. Raise "
        f"limits.prompt_tokens (now {self.limits.prompt_tokens}) to "
        f"{max(long.values())}, or leave these problems out."
      )
    return [
      decoding.PromptProblem(problem.id, tuple(row))
      for problem, row in zip(problems, rows, strict=True)
    ]

  def search(
    self,
    run: grid.Run,
    problems: Iterable[decoding.PromptProblem],
    num_lanes: int,
  ) -> Iterator[decoding.Finished]:
    """Searches problems as a run says.

    Args:
      run: which policy, strategy, n and seed.
      problems: their prompts, in any order.
      num_lanes: P, problems in flight.

    Yields:
      Finished searches, in the order in which they end.

    Raises:
      FloatingPointError: on logits or rewards that are no numbers.
    """
    policy, reward = self._pair(run.policy, run.n)
    strategy = strategies.KINDS[run.strategy].make(run.numbers)
    try:
      yield from decoding.run_lanes(
        policy,
        reward,
        strategy,
        self._policy_params(run),
        self.reward.params,
        problems,
        run.seed,
        num_lanes,
        self.limits.max_steps,
      )
    except FloatingPointError as error:
      raise FloatingPointError(f"run {run}: {error}") from error

  def _pair(self, policy: str, n: int):
    key = (policy, n)
    if key not in self._pairs:
      self._pairs[key] = (
        decoding.ModelPolicy(
          self.policies[policy], self._format, self.limits, n
        ),
        decoding.ModelReward(self.reward, self.limits, n),
      )
    return self._pairs[key]

  def _policy_params(self, run: grid.Run) -> decoding.PolicyParams:
    sampler = self._sampler
    if run.strategy == strategies.GREEDY:
      sampler = Sampler(temperature=0.0, top_k=0, top_p=1.0)
    # None leaves a filter out of the program: sorting V logits is not free.
    return decoding.PolicyParams(
      weights=self.policies[run.policy].params,
      temperature=jnp.float32(sampler.temperature),
      top_k=jnp.int32(sampler.top_k) if sampler.top_k else None,
      top_p=jnp.float32(sampler.top_p) if sampler.top_p < 1 else None,
    )


def load_engine(
  policies: Mapping[str, checkpoints.Checkpoint],
  reward: checkpoints.Checkpoint,
  step_format: decoding.StepFormat,
  limits: decoding.Limits,
  sampler: Sampler,
) -> Engine:
  """Loads the models of a sweep.

  Args:
    policies: their checkpoints by name.
    reward: the reward model's checkpoint.
    step_format: what ends a step and announces an answer.
    limits: of tokens and steps.
    sampler: of tokens.

  Returns:
    The engine.

  Raises:
    FileNotFoundError: if a file of a checkpoint is missing.
    ValueError: if a file is cut, a model cannot be run by this package, or
      the limits are beyond what a model was made for.
  """
  longest = limits.prompt_buffer + limits.total_tokens
  for name, checkpoint in {**policies, "reward": reward}.items():
    if longest > checkpoint.max_position_embeddings:
      raise ValueError(
        f"limits.prompt_tokens ({limits.prompt_buffer} in the cache) and "
        f"limits.total_tokens ({limits.total_tokens}) make texts of {longest} "
        f"tokens; {name} in {checkpoint.folder} was made for at most "
        f"{checkpoint.max_position_embeddings}. Lower the limits."
      )
  loaded = {
    name: models.load_model(checkpoint.folder)
    for name, checkpoint in policies.items()
  }
  reward_model = models.load_reward_model(reward.folder)
  return Engine(loaded, reward_model, step_format, limits, sampler)


def parts(resolved: Mapping[str, Any]) -> tuple:
  """Makes the format, limits and sampler of a resolved config."""
  step_format = decoding.StepFormat(
    tuple(resolved["format"]["step_end"]),
    tuple(resolved["format"]["answer_markers"]),
  )
  limits = decoding.Limits(**resolved["limits"])
  return step_format, limits, Sampler(**resolved["sampler"])


def lanes(rows_in_flight: int, n: int, num_problems: int) -> int:
  """Problems in flight, P, so that P * N rows are about constant.

  It does not depend on how many problems are left after a resume: P is a shape
  of the program, and with one P records are the same to the bit.

  Args:
    rows_in_flight: rows wished for.
    n: N.
    num_problems: of the whole run.

  Returns:
    At least 1, at most `num_problems`.
  """
  return max(1, min(rows_in_flight // n, num_problems))
