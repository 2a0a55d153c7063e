"""The searches of runs over their problems, with the models of a sweep."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from inference_scaling import decoding, tasks
from inference_scaling.search import base, resuming
from inference_scaling.spec import grid
from inference_scaling.sweep import strategies
from inference_scaling.sweep.engine import loaded as loaded_lib
from inference_scaling.sweep.engine import (
  making,
  params,
  thinking,
)
from inference_scaling.sweep.engine import prompts as prompts_lib
from inference_scaling.sweep.engine import sizes as sizes_lib
from inference_scaling.sweep.ports import port as port_lib
from inference_scaling.sweep.records import step_texts
from inference_scaling.sweep.speculation import pair as pair_lib

# Of a policy's models, and the sizes of its search.
_Key = tuple[tuple[str, ...], strategies.Shape]


class Engine:
  """Runs searches with a few policies and at most one reward model.

  Objects and programs are made once for each policy and shape and kept, so that
  another seed or temperature compiles nothing.

  Attributes:
    loaded: the models.
  """

  def __init__(self, loaded: loaded_lib.Loaded):
    self.loaded = loaded
    self._made: dict[_Key, tuple[Any, base.Reward]] = {}
    self._prefixes: dict[str, decoding.Prefix] = {}

  def prompts(
    self, policy: str, problems: Sequence[tasks.Problem]
  ) -> prompts_lib.Prompts:
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
    encoded, prefix = prompts_lib.encode(self.loaded, policy, problems)
    self._prefixes[policy] = prefix
    return encoded

  def texts(self, policy: str) -> step_texts.Texts:
    """Says how the steps of a policy are read.

    Args:
      policy: its name.

    Returns:
      Its Texts.
    """
    model = self.loaded.writer(policy)
    if isinstance(model, port_lib.Port):
      return step_texts.PortTexts(model.text)
    step_end = self.loaded.settings.step_format.step_end
    return step_texts.TokenTexts(model.tokenizer, step_end)

  def check_thinking(self, runs: Iterable[grid.Run]) -> None:
    """Checks that policies can think as runs say, before any search.

    Args:
      runs: of a sweep.

    Raises:
      ValueError: as `thinking.check`.
    """
    thinking.check(self.loaded, runs)

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
    loaded, settings = self.loaded, self.loaded.settings
    max_steps = settings.limits.max_steps
    sizes = sizes_lib.shape(run, max_steps, settings.rows_per_problem)
    policy, reward = self._make(run.policy, sizes)
    strategy = strategies.make(
      run.strategy, run.n, run.hyperparameters, max_steps
    )
    is_pair = run.policy in loaded.pairs
    # Two policies compute whole prompts.
    prefixes = {} if is_pair else self._prefixes
    with _naming(run, loaded.sources(run.policy)):
      for finished in decoding.continuous_batching(
        policy,
        reward,
        strategy,
        params.policy(loaded, run),
        params.reward(loaded, run.policy),
        problems,
        run.seed,
        num_slots,
        sizes.max_depth,
        settings.mesh,
        lookahead_params=params.lookahead(loaded, run),
        prefix=prefixes.get(run.policy, decoding.NO_PREFIX),
        answers=pair_lib.reads_plain(answers) if is_pair else answers,
      ):
        yield pair_lib.plain(finished) if is_pair else finished

  def _make(
    self, policy: str, sizes: strategies.Shape
  ) -> tuple[Any, base.Reward]:
    """Makes the policy and the reward of a search, once."""
    # Neither a depth nor a pair's threshold is of these two.
    key = (
      self.loaded.members(policy),
      dataclasses.replace(sizes, max_depth=0),
    )
    if key not in self._made:
      self._made[key] = making.make(self.loaded, policy, sizes)
    return self._made[key]


@contextlib.contextmanager
def _naming(run: grid.Run, sources: str) -> Iterator[None]:
  """Lets errors of a search name its run, and the ports among its models."""
  try:
    yield
  except (FloatingPointError, ValueError) as error:
    infinite = isinstance(error, FloatingPointError)
    kind = FloatingPointError if infinite else ValueError
    whose = f" ({sources})" if sources else ""
    raise kind(f"run {run}: {error}{whose}") from error
  except Exception as error:  # in a port's own code, which the trace shows
    error.add_note(f"run {run}: {sources}")
    raise
