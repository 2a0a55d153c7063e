"""What a search is made of: a policy, a reward and a strategy.

Axis letters: P problems in flight, N beams per problem, J depths.

A search knows nothing of tokens, models or text. The policy and the reward are
written for all problems at once, so that a model sees P * N rows; a strategy is
written for one problem and vmapped by the loop.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import flax.struct
import jax
import numpy as np

from inference_scaling import names

# Status of a beam, int32. A finished or truncated beam keeps its slot.
RUNNING = 0  # may be extended
FINISHED = 1  # its answer is complete
TRUNCATED = 2  # it ran out of tokens or of depths
DROPPED = 3  # the same as a beam in a lower slot: its slot is free

# What is done about beams of one problem that have made the same steps.
KEEP = names.KEEP  # nothing: each is a beam, and a candidate, of its own
DROP = names.DROP  # all but the first lose their slots, and do not vote
MERGE = names.MERGE  # running ones lose theirs to the first, which counts
DUPLICATES = names.DUPLICATES


class Step(flax.struct.PyTreeNode):
  """What one extension of every beam made.

  Values of beams that were not active are never looked at.

  Attributes:
    status: int32[P, N], RUNNING, FINISHED or TRUNCATED after this step.
    num_tokens: int32[P, N], tokens that this step generated.
    content: a pytree of arrays with leading axes [P, N]: the step itself,
      scored by the reward and kept in the tree.
  """

  status: jax.Array
  num_tokens: jax.Array
  content: Any


class Policy(Protocol):
  """Makes reasoning steps.

  An object of this class is a static argument of a jitted function, so it must
  be hashable; arrays belong in `params` and `state`.
  """

  @property
  def num_beams(self) -> int:
    """N; a plain attribute will do."""
    ...

  def start(self, params: Any, prompts: Any) -> Any:
    """Puts N beams at the end of each prompt.

    Args:
      params: a pytree of arrays.
      prompts: a pytree of arrays with a leading axis P.

    Returns:
      The state: a pytree of arrays with a leading axis P.
    """
    ...

  def extend(
    self, params: Any, keys: jax.Array, state: Any, active: jax.Array
  ) -> tuple[Any, Step]:
    """Adds one step to each active beam.

    Args:
      params: a pytree of arrays.
      keys: typed PRNG keys [P, N], one a beam, never given twice.
      state: as returned by `start`, `extend` or `fork`.
      active: bool[P, N]. Beams where it is False must be left as they are; only
        what nothing reads may change, as a cache behind a beam's length.

    Returns:
      The new state, same shapes and dtypes, and the Step.
    """
    ...

  def fork(self, state: Any, parents: jax.Array) -> Any:
    """Makes beam n of problem p go on from beam parents[p, n].

    Args:
      state: as returned by `extend`.
      parents: int32[P, N].

    Returns:
      The new state, same shapes and dtypes. Where parents[p] is 0, 1, .., N - 1
      the state of problem p is unchanged.
    """
    ...

  def rewind(self, before: Any, after: Any) -> Any:
    """Takes steps back; only strategies that look ahead ask for it.

    Args:
      before: a state.
      after: the state after some calls of `extend` on it.

    Returns:
      The beams of `before`, with whatever counts of tokens are kept in `after`:
      what was computed was spent. A policy that counts nothing returns
      `before`.
    """
    ...


class Reward(Protocol):
  """Scores reasoning steps; hashable, like a Policy."""

  def start(self, params: Any, prompts: Any) -> Any:
    """Encodes the prompts; arguments and result as for a Policy."""
    ...

  def score(
    self, params: Any, state: Any, step: Step, active: jax.Array
  ) -> tuple[Any, jax.Array]:
    """Scores the newest step of each active beam.

    Args:
      params: a pytree of arrays.
      state: as returned by `start`, `score` or `fork`.
      step: what the policy made.
      active: bool[P, N], the beams that were extended.

    Returns:
      The new state, same shapes and dtypes, and scores float32[P, N] (or of
      half precision: they become float32): the reward of each active beam, its
      newest step included; higher is better.
    """
    ...

  def fork(self, state: Any, parents: jax.Array) -> Any:
    """Follows a fork of the beams, as for a Policy."""
    ...

  def rewind(self, before: Any, after: Any) -> Any:
    """Follows steps that are taken back, as for a Policy."""
    ...


class Beams(NamedTuple):
  """What a strategy sees of the beams of ONE problem.

  Attributes:
    scores: float32[N], the newest reward of each beam; that at the end of the
      look-ahead, for a strategy that looks ahead.
    status: int32[N], RUNNING, FINISHED, TRUNCATED or DROPPED.
    active: bool[N], the beams that were extended at this depth.
    multiplicity: int32[N], how many beams each stands for: more than 1 where
      running duplicates were merged.
  """

  scores: jax.Array
  status: jax.Array
  active: jax.Array
  multiplicity: jax.Array


class Answers(NamedTuple):
  """What a strategy that resumes sees of ONE problem, on the host, in NumPy.

  Attributes:
    begun: bool[N], the beams that have been extended; the others wait at the
      prompt.
    classes: int32[N], a number for the answer of each finished beam, the same
      for equal ones; -1 for a beam that has none.
    scores: float32[N], the newest reward of each beam.
  """

  begun: np.ndarray
  classes: np.ndarray
  scores: np.ndarray


Carry = Any
InitFn = Callable[[int], Carry]
FirstFn = Callable[[int, Carry], jax.Array]
SelectFn = Callable[
  [jax.Array, Beams, Carry], tuple[jax.Array, jax.Array, Carry]
]
CheckFn = Callable[[int, int], None]
ResumeFn = Callable[[Answers], np.ndarray]


class Strategy(NamedTuple):
  """A pair of pure functions, for ONE problem; the loop vmaps them.

  Attributes:
    init: `init(num_beams) -> carry`, a pytree of arrays: what the strategy
      remembers between depths, and its hyperparameters (a temperature), so
      that a new number is a new array and nothing is compiled again.
    select: `select(key, beams, carry) -> (parents, active, carry)`, called
      after each depth with a typed PRNG key and the `Beams`. Slot n goes on
      from slot parents[n], int32[N] in [0, N), and is extended at the next
      depth where active, bool[N], is True and its parent runs. Terminal beams
      are the answers: leave them in their slots unless the strategy means to
      resample them. A running beam may be parked (not active): it stays in its
      slot; one that is still parked when no beam is active is unfinished. A
      function of a module, not a closure, lets jitted callers share programs.
    first: `first(num_beams, carry) -> active`, bool[N], the beams to extend at
      depth 0; None for all. The others run, at the prompt, and are not active:
      whoever parks beams tests `beams.active`, too.
    lookahead: how many more steps are made of each running beam before
      `select` sees its score, none after the last depth; they are then taken
      back.
    duplicates: KEEP, DROP or MERGE; see their comments. Steps are the same
      where all integers of `Step.content` are.
    check: `check(num_beams, max_depth)`, called as a search starts. Raises a
      ValueError where a search of this size cannot do what the
      hyperparameters say; None where every size will do.
    resume: `resume(answers) -> active`, bool[N], called on the host, with the
      `Answers`, each time that no beam is active but some wait at the prompt,
      where `first` left them. Those that it names begin, at depth 0, as if
      they had begun with the first ones: with the same keys, in the same rows
      of the tree. Where it names none the search is over. None for a strategy
      that has no such beams. A strategy with it never forks.
    resumes: whether there is a `resume`: the static part lacks the function.
  """

  init: InitFn | None
  select: SelectFn
  first: FirstFn | None = None
  lookahead: int = 0
  duplicates: str = KEEP
  check: CheckFn | None = None
  resume: ResumeFn | None = None
  resumes: bool = False

  @property
  def static_part(self) -> "Strategy":
    """The strategy without its hyperparameters: equal whatever they are.

    A static argument of jitted functions, which need no `init` once the carry
    is made.
    """
    return self._replace(init=None, check=None, resume=None)
