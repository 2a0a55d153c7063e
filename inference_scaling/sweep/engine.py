"""Loaded models, and the search of one run over some problems."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import jax.numpy as jnp

from inference_scaling import decoding, models, spec, tasks
from inference_scaling.spec import grid
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep import strategies


class Engine:
  """Runs searches with a few policies and at most one reward model.

  Objects and programs are made once for each policy and shape and kept, so that
  another seed or temperature compiles nothing.

  Attributes:
    policies: by name.
    reward: the reward model; None for none.
    settings: how they are used.
  """

  def __init__(
    self,
    policies: Mapping[str, models.Model],
    reward: models.RewardModel | None,
    settings: settings_lib.Settings,
  ):
    self.policies = policies
    self.reward = reward
    self.settings = settings
    self._pairs: dict[tuple[str, strategies.Shape], tuple] = {}

  def prompts(
    self, policy: str, problems: Sequence[tasks.Problem]
  ) -> list[decoding.PromptProblem]:
    """Tokenizes problems for a policy and for the reward model.

    Args:
      policy: its name.
      problems: the problems.

    Returns:
      Their prompts.

    Raises:
      ValueError: names a problem of which no prompt can be made, or the
        problems whose prompt does not fit the cache.
    """
    settings = self.settings
    questions = {problem.id: problem.question for problem in problems}
    tokenizer = self.policies[policy].tokenizer
    rows = _encode(
      f"policy {policy}",
      questions,
      lambda question: tasks.make_prompt(
        settings.prompt, question, tokenizer, settings.date
      ),
    )
    _check_tokens(f"policy {policy}", rows, self.policies[policy])
    _check_lengths(f"policy {policy}", rows, settings.limits, "limits")
    theirs: Mapping[int, Sequence[int]] = {}
    if self._form is not None:
      theirs = _encode("the reward model", questions, self._form.encode_prompt)
      limits = settings.reward_limits
      _check_tokens("the reward model", theirs, self.reward)
      _check_lengths("the reward model", theirs, limits, "reward")
    return [
      decoding.PromptProblem(
        i, tuple(row), tuple(theirs[i]) if i in theirs else None
      )
      for i, row in rows.items()
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
      ValueError: on a step that is too long for the reward model.
    """
    max_steps = self.settings.limits.max_steps
    sizes = shape(run, max_steps, self.settings.rows_per_problem)
    policy, reward = self._pair(run.policy, sizes)
    strategy = strategies.make(run.strategy, run.n, run.numbers, max_steps)
    try:
      yield from decoding.run_lanes(
        policy,
        reward,
        strategy,
        self._policy_params(run),
        None if self.reward is None else self.reward.params,
        problems,
        run.seed,
        num_lanes,
        sizes.max_depth,
        self.settings.mesh,
      )
    except (FloatingPointError, ValueError) as error:
      raise type(error)(f"run {run}: {error}") from error

  @property
  def _form(self):
    """The form of a reward model that does not read the policy's tokens."""
    return None if self.reward is None else self.reward.form

  def _pair(self, policy: str, sizes: strategies.Shape):
    # A depth is an argument of the program, not of these two.
    key = (policy, dataclasses.replace(sizes, max_depth=0))
    if key not in self._pairs:
      settings = self.settings
      writer = decoding.ModelPolicy(
        self.policies[policy], settings.step_format, settings.limits,
        sizes.num_beams, sizes.num_rows, settings.cache, settings.tree_tokens,
        token_scores=settings.reward_form in decoding.TOKEN_SCORES,
      )  # fmt: skip
      self._pairs[key] = (writer, self._judge(writer.model, sizes))
    return self._pairs[key]

  def _judge(self, policy: models.Model, sizes: strategies.Shape):
    """Makes the search's reward: of a model, of tokens, or none."""
    settings = self.settings
    if settings.reward_form in decoding.TOKEN_SCORES:
      return decoding.TokenReward(settings.reward_form, sizes.num_beams)
    if self.reward is None:
      return decoding.NoReward(sizes.num_beams)
    translator = None
    if self._form is not None:
      translator = decoding.Translator(
        policy.tokenizer,
        policy.config.vocab_size,
        self._form,
        settings.reward_limits,
        settings.step_format.step_end,
        settings.mesh,
      )
    return decoding.ModelReward(
      self.reward, settings.limits, sizes.num_beams, translator,
      sizes.num_rows, settings.cache, settings.tree_tokens,
    )  # fmt: skip

  def _policy_params(self, run: grid.Run) -> decoding.PolicyParams:
    sampler = self.settings.sampler
    if spec.is_greedy(run.strategy):
      sampler = spec.Sampler(temperature=0.0, top_k=0, top_p=1.0)
    # None leaves a filter out of the program: sorting V logits is not free.
    return decoding.PolicyParams(
      weights=self.policies[run.policy].params,
      temperature=jnp.float32(sampler.temperature),
      top_k=jnp.int32(sampler.top_k) if sampler.top_k else None,
      top_p=jnp.float32(sampler.top_p) if sampler.top_p < 1 else None,
    )


def shape(
  run: grid.Run, max_steps: int, rows_per_problem: int | None = None
) -> strategies.Shape:
  """Sizes of the search of a run.

  Args:
    run: the run.
    max_steps: most steps of a solution.
    rows_per_problem: most rows that a problem may have; None for as many as the
      strategy can use.

  Returns:
    The Shape.
  """
  sizes = strategies.shape(run.strategy, run.n, run.numbers, max_steps)
  if rows_per_problem is None:
    return sizes
  rows = min(sizes.num_rows, rows_per_problem)
  return dataclasses.replace(sizes, num_rows=rows)


def lanes(rows_in_flight: int, n: int, num_problems: int, data: int = 1) -> int:
  """Problems in flight, P, so that P * N rows are about constant.

  It does not depend on how many problems are left after a resume: P is a shape
  of the program, and with one P records are the same to the bit.

  Args:
    rows_in_flight: rows wished for.
    n: N.
    num_problems: of the whole run.
    data: size of the mesh axis that the lanes are split over.

  Returns:
    At least 1, at most `num_problems`, rounded up to a multiple of `data`.
  """
  wanted = max(1, min(rows_in_flight // n, num_problems))
  return -(-wanted // data) * data


def _encode(
  who: str,
  questions: Mapping[int, str],
  encode: Callable[[str], list[int]],
) -> dict[int, list[int]]:
  """Encodes questions; raises a ValueError that names one that fails."""
  rows = {}
  for i, question in questions.items():
    try:
      rows[i] = encode(question)
    except ValueError as error:
      raise ValueError(f"problem {i}, its prompt for {who}: {error}") from error
  return rows


def _check_tokens(
  who: str, rows: Mapping[int, Sequence[int]], model: models.Model
) -> None:
  """Raises a ValueError that names a prompt with a token that has no row."""
  size = model.config.vocab_size
  for i, row in rows.items():
    beyond = sorted({token for token in row if token >= size})
    if beyond:
      names = model.tokenizer.convert_ids_to_tokens(beyond)
      raise ValueError(
        f"problem {i}: its prompt for {who} holds {names}, for which the "
        f"embedding of {size} rows has none. Take them out of the question or "
        "the chat template."
      )


def _check_lengths(
  who: str,
  rows: Mapping[int, Sequence[int]],
  limits: decoding.Limits,
  group: str,
) -> None:
  """Raises a ValueError that names prompts longer than the cache."""
  size = limits.prompt_buffer
  long = {i: len(row) for i, row in rows.items() if len(row) > size}
  if long:
    some = ", ".join(f"{i} ({long[i]} tokens)" for i in sorted(long)[:5])
    raise ValueError(
      f"{len(long)} of {len(rows)} prompts of {who} are longer than the "
      f"cache's {size} tokens: problems {some}. Raise {group}.prompt_tokens "
      f"(now {limits.prompt_tokens}) to {max(long.values())}, or leave these "
      "problems out."
    )
