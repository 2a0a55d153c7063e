"""Loaded models, and the search of one run over its problems."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from inference_scaling import decoding, models, names, search, spec, tasks
from inference_scaling.search import base, resuming
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  encoding,
  strategies,
)
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.ports import port as port_lib
from inference_scaling.sweep.ports import tokens
from inference_scaling.sweep.records import step_texts
from inference_scaling.sweep.speculation import pair as pair_lib

GREEDY = spec.Sampler(temperature=0.0, top_k=0, top_p=1.0)


class Engine:
  """Runs searches with a few policies and at most one reward model.

  Objects and programs are made once for each policy and shape and kept, so that
  another seed or temperature compiles nothing.

  Attributes:
    policies: by name; models of this package or ports.
    reward: the reward model, or a port; None for none.
    settings: how they are used.
    heads: value heads that read the hidden states of a policy, by its name; its
      searches need no reward model.
    pairs: policies that are made of two, by name.
  """

  def __init__(
    self,
    policies: Mapping[str, models.Model | port_lib.Port],
    reward: models.RewardModel | port_lib.Port | None,
    settings: settings_lib.Settings,
    heads: Mapping[str, models.HeadAlone] | None = None,
    pairs: Mapping[str, pair_lib.Pair] | None = None,
  ):
    self.policies = policies
    self.reward = reward
    self.settings = settings
    self.heads = heads or {}
    self.pairs = pairs or {}
    self._made: dict[tuple[Any, strategies.Shape], tuple] = {}
    self._prefixes: dict[str, decoding.Prefix] = {}

  def writer(self, policy: str) -> models.Model | port_lib.Port:
    """The model of a policy; of one that is made of two, the target.

    Args:
      policy: its name.

    Returns:
      The model, or the port: prompts and texts of a pair are the target's.
    """
    pair = self.pairs.get(policy)
    return self.policies[pair.said.target if pair else policy]

  def _readers(self, policy: str) -> list[models.Model]:
    """The models of a policy of this package: the draft and the target."""
    pair = self.pairs.get(policy)
    names = (pair.said.draft, pair.said.target) if pair else (policy,)
    every = [self.policies[name] for name in names]
    return [model for model in every if isinstance(model, models.Model)]

  def prompts(
    self, policy: str, problems: Sequence[tasks.Problem]
  ) -> list[decoding.PromptProblem] | list[decoding.EncodedProblem]:
    """Encodes problems for a policy and for the reward model.

    Args:
      policy: its name.
      problems: the problems.

    Returns:
      Their prompts.

    Raises:
      ValueError: names a problem of which no prompt can be made, or the
        problems whose prompt does not fit the cache.
    """
    settings, model = self.settings, self.writer(policy)
    if isinstance(model, port_lib.Port):
      encoded = model.encode(problems)
      if isinstance(self.reward, models.RewardModel):
        tokens.check(model, self.reward, encoded, settings.limits)
      return encoded
    questions = {problem.id: problem.question for problem in problems}
    tokenizer = model.tokenizer
    thinking = settings.thinking.get(policy)

    def encode(question: str) -> list[int]:
      return tasks.make_prompt(
        settings.prompt, question, tokenizer, settings.date,
        opening=thinking.open if thinking else "",
      )  # fmt: skip

    rows = encoding.encode(f"policy {policy}", questions, encode)
    for read in self._readers(policy):
      encoding.check_tokens(f"policy {policy}", rows, read)
    encoding.check_lengths(f"policy {policy}", rows, settings.limits, "limits")
    reward_rows = self._reward_prompts(questions)
    reward_prefix = ()
    if reward_rows and self._reward_format is not None:
      reward_prefix = encoding.prefix(
        self._reward_format.encode_prompt, reward_rows
      )
    self._prefixes[policy] = decoding.Prefix(
      encoding.prefix(encode, rows), reward_prefix
    )
    return [
      decoding.PromptProblem(
        i, tuple(row), tuple(reward_rows[i]) if i in reward_rows else None
      )
      for i, row in rows.items()
    ]

  def _reward_prompts(
    self, questions: Mapping[int, str]
  ) -> Mapping[int, Sequence[int]]:
    """The prompts of a reward model with tokens of its own; none of others."""
    reward, reward_format = self.reward, self._reward_format
    if not isinstance(reward, models.RewardModel) or reward_format is None:
      return {}
    who = "the reward model"
    rows = encoding.encode(who, questions, reward_format.encode_prompt)
    limits = self.settings.reward_limits or self.settings.limits
    encoding.check_tokens(who, rows, reward)
    encoding.check_lengths(who, rows, limits, "reward")
    return rows

  def search(
    self,
    run: grid.Run,
    problems: Iterable[decoding.PromptProblem | decoding.EncodedProblem],
    num_slots: int,
    answers: resuming.AnswersFn | None = None,
  ) -> Iterator[decoding.Finished]:
    """Searches problems as a run says.

    Args:
      run: which policy, strategy, n and seed.
      problems: their prompts, in any order.
      num_slots: P, problems in flight.
      answers: as for `decoding.continuous_batching`.

    Yields:
      Finished searches, in the order in which they end.

    Raises:
      FloatingPointError: on logits or rewards that are no numbers.
      ValueError: on a step that is too long for the reward model, or a wrong
        value from a port.
    """
    max_steps = self.settings.limits.max_steps
    sizes = shape(run, max_steps, self.settings.rows_per_problem)
    policy, reward = self._make(run.policy, sizes)
    strategy = strategies.make(
      run.strategy, run.n, run.hyperparameters, max_steps
    )
    pair = run.policy in self.pairs
    try:
      for finished in decoding.continuous_batching(
        policy,
        reward,
        strategy,
        self._policy_params(run),
        self._reward_params(run.policy),
        problems,
        run.seed,
        num_slots,
        sizes.max_depth,
        self.settings.mesh,
        lookahead_params=self._lookahead_params(run),
        # Two policies compute whole prompts.
        prefix=decoding.NO_PREFIX
        if pair
        else self._prefixes.get(run.policy, decoding.NO_PREFIX),
        answers=pair_lib.reads_plain(answers) if pair else answers,
      ):
        yield pair_lib.plain(finished) if pair else finished
    except (FloatingPointError, ValueError) as error:
      sources = self._sources(run)
      whose = f" ({sources})" if sources else ""
      infinite = isinstance(error, FloatingPointError)
      kind = FloatingPointError if infinite else ValueError
      raise kind(f"run {run}: {error}{whose}") from error
    except Exception as error:  # in a port's own code, which the trace shows
      error.add_note(f"run {run}: {self._sources(run)}")
      raise

  def check_thinking(self, runs: Iterable[grid.Run]) -> None:
    """Checks that policies can think as runs say, before any search.

    Args:
      runs: of a sweep.

    Raises:
      ValueError: for texts that do not fit a policy's tokenizer, or where
        thinking is to go on past an end that is not one token.
    """
    waiting = {
      run.policy: run for run in runs if run.thinking.get("waits")
    }  # fmt: skip
    for name in self.settings.thinking:
      model, texts = self.policies[name], self._thinking_texts(name)
      if isinstance(model, port_lib.Port) or texts is None:
        continue
      try:
        thinking = decoding.compile_thinking(
          texts, model.tokenizer, model.config.vocab_size, ()
        )
      except ValueError as error:
        raise ValueError(f"policy {name}: {error}") from error
      if name in waiting and not thinking.closers:
        raise ValueError(
          f"run {waiting[name]}: waits is {waiting[name].thinking['waits']}, "
          f"but thinking.close of policy {name}, {texts.close!r}, is several "
          "tokens of its tokenizer; expected one, whose place 'wait' can "
          "take. Leave waits out, or name another text."
        )

  def texts(self, policy: str) -> step_texts.Texts:
    """Says how the steps of a policy are read.

    Args:
      policy: its name.

    Returns:
      Its Texts.
    """
    model = self.writer(policy)
    if isinstance(model, port_lib.Port):
      return step_texts.PortTexts(model.text)
    step_end = self.settings.step_format.step_end
    return step_texts.TokenTexts(model.tokenizer, step_end)

  def _sources(self, run: grid.Run) -> str:
    """Names the ports of a run."""
    pair = (("policy", self.writer(run.policy)), ("reward", self.reward))
    return ", ".join(
      f"the {role} is {model.source}"
      for role, model in pair
      if isinstance(model, port_lib.Port)
    )

  @property
  def _reward_format(self):
    """The format of a reward model that does not read the policy's tokens."""
    if self.reward is None or isinstance(self.reward, port_lib.Port):
      return None
    return self.reward.reward_format

  def _make(self, policy: str, sizes: strategies.Shape):
    """Makes the policy and the reward of a search, once."""
    pair = self.pairs.get(policy)
    # Neither a depth nor a threshold is of these two.
    names = (pair.said.draft, pair.said.target) if pair else policy
    key = (names, dataclasses.replace(sizes, max_depth=0))
    if key not in self._made:
      self._made[key] = (
        self._make_pair(policy, sizes)
        if pair
        else self._make_alone(policy, sizes)
      )
    return self._made[key]

  def _make_alone(self, policy: str, sizes: strategies.Shape):
    """Makes a policy of one model, and its reward."""
    head = self.heads.get(policy)
    return (
      self._make_policy(policy, sizes, head),
      self._make_reward(policy, sizes, head),
    )

  def _make_pair(self, policy: str, sizes: strategies.Shape):
    """Makes one policy of a draft and a target, and their reward."""
    pair = self.pairs[policy]
    names = (pair.said.draft, pair.said.target)
    draft, target = (self._make_policy(name, sizes, None) for name in names)
    # The reward reads what the policy of more tokens may write.
    sizes_of = [model.config.vocab_size for model in self._readers(policy)]
    widest = names[sizes_of.index(max(sizes_of))]
    reward = self._make_reward(widest, sizes, None)
    return decoding.speculative_policy(draft, target, reward)

  def _make_policy(
    self, name: str, sizes: strategies.Shape, head: models.HeadAlone | None
  ) -> Any:
    """Makes the search's policy."""
    policy = self.policies[name]
    if isinstance(policy, port_lib.Port):
      return policy.make(sizes.num_beams)
    settings = self.settings
    return decoding.ModelPolicy(
      policy, settings.step_format, settings.limits, sizes.num_beams,
      sizes.num_rows, settings.cache, settings.tree_tokens,
      token_scores=settings.reward_format in decoding.TOKEN_SCORES,
      value_layers=head.layers if head else (),
      confidence_tokens=settings.confidence.tokens,
      thinking=self._thinking_texts(name),
    )  # fmt: skip

  def _thinking_texts(self, name: str) -> decoding.ThinkingTexts | None:
    """The texts around a policy's thinking; None if it does not think."""
    said = self.settings.thinking.get(name)
    return said and decoding.ThinkingTexts(said.close, said.end, said.wait)

  def _make_reward(
    self, name: str, sizes: strategies.Shape, head: models.HeadAlone | None
  ) -> base.Reward:
    """Makes the search's reward: a port's, of a model, of tokens, or none."""
    settings, policy = self.settings, self.policies[name]
    if head is not None:
      return decoding.HiddenStateReward(head.config, sizes.num_beams)
    if isinstance(self.reward, port_lib.Port):
      return self.reward.make(sizes.num_beams)
    if settings.reward_format in decoding.TOKEN_SCORES:
      return decoding.TokenReward(settings.reward_format, sizes.num_beams)
    if settings.reward_format == names.GROUP_CONFIDENCE:
      return decoding.GroupConfidence(
        settings.confidence.window, sizes.num_beams
      )
    if self.reward is None:
      return decoding.NoReward(sizes.num_beams)
    translator = None
    if self._reward_format is not None and isinstance(policy, models.Model):
      translator = decoding.Translator(
        policy.tokenizer,
        policy.config.vocab_size,
        self._reward_format,
        settings.reward_limits or settings.limits,
        settings.step_format.step_end,
        settings.mesh,
      )
    return decoding.ModelReward(
      self.reward, settings.limits, sizes.num_beams, translator,
      sizes.num_rows, settings.cache, settings.tree_tokens,
    )  # fmt: skip

  def _policy_params(self, run: grid.Run) -> Any:
    """Weights and sampler, greedy where the strategy is."""
    greedy = spec.is_greedy(run.strategy)
    return self._params(run, GREEDY if greedy else self.settings.sampler)

  def _lookahead_params(self, run: grid.Run) -> Any:
    """Looking ahead is greedy, as a policy of this package does by itself."""
    itself = isinstance(self.policies.get(run.policy), models.Model)
    if itself or not run.hyperparameters.get("lookahead"):
      return None
    return self._params(run, GREEDY)

  def _params(self, run: grid.Run, sampler: spec.Sampler) -> Any:
    pair = self.pairs.get(run.policy)
    if pair is not None:
      draft, target = (
        self._model_params(model, run, sampler, None)
        for model in self._readers(run.policy)
      )
      return search.SpeculativeParams(
        draft, target, self._reward_params(None),
        jnp.float32(pair.said.threshold),
      )  # fmt: skip
    model = self.policies[run.policy]
    if isinstance(model, port_lib.Port):
      return model.params(sampler.temperature, sampler.top_k, sampler.top_p)
    return self._model_params(model, run, sampler, self.heads.get(run.policy))

  def _model_params(
    self,
    model: models.Model,
    run: grid.Run,
    sampler: spec.Sampler,
    head: models.HeadAlone | None,
  ) -> decoding.PolicyParams:
    """Numbers of a model of this package."""
    # None leaves a filter out of the program: sorting V logits is not free.
    return decoding.PolicyParams(
      weights=model.params,
      temperature=jnp.float32(sampler.temperature),
      top_k=jnp.int32(sampler.top_k) if sampler.top_k else None,
      top_p=jnp.float32(sampler.top_p) if sampler.top_p < 1 else None,
      value_head=head.weights if head else None,
      thinking=self._thinking_params(run),
    )

  def _thinking_params(self, run: grid.Run) -> decoding.ThinkingParams | None:
    """How long beams think; None for a policy that does not."""
    if run.policy not in self.settings.thinking:
      return None
    budget = run.thinking.get("thinking_tokens")
    return decoding.ThinkingParams(
      jnp.int32(decoding.NO_BUDGET if budget is None else budget),
      jnp.int32(run.thinking.get("waits") or 0),
    )

  def _reward_params(self, policy: str | None) -> Any:
    """Params of the reward; those of a pair's are its policy's."""
    if policy in self.heads or policy in self.pairs:
      return None
    if isinstance(self.reward, port_lib.Port):
      return self.reward.given.weights
    return None if self.reward is None else self.reward.params


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
  sizes = strategies.shape(run.strategy, run.n, run.hyperparameters, max_steps)
  if rows_per_problem is None:
    return sizes
  rows = min(sizes.num_rows, rows_per_problem)
  return dataclasses.replace(sizes, num_rows=rows)


def num_slots(sweep: spec.Sweep, run: grid.Run, num_problems: int) -> int:
  """Problems of a run that are in flight, however many of it are left.

  Args:
    sweep: that the run is of.
    run: the run.
    num_problems: of the sweep.

  Returns:
    P.
  """
  steps = spec.REWARDS[sweep.reward.format].has_steps
  rows = sweep.rows_per_problem or None
  sizes = shape(run, sweep.limits.max_steps if steps else 1, rows)
  beams = sizes.num_rows if rows else sizes.num_beams
  return slots(sweep.batch_size, beams, num_problems, sweep.mesh.data)


def slots(batch_size: int, n: int, num_problems: int, data: int = 1) -> int:
  """Problems in flight, P, so that P * N rows are about constant.

  It does not depend on how many problems are left after a resume: P is a shape
  of the program, and with one P records are the same to the bit.

  Args:
    batch_size: rows wished for.
    n: N.
    num_problems: of the whole run.
    data: size of the mesh axis that the slots are split over.

  Returns:
    At least 1, at most `num_problems`, rounded up to a multiple of `data`.
  """
  wanted = max(1, min(batch_size // n, num_problems))
  return -(-wanted // data) * data
