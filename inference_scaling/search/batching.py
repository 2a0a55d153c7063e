"""What an engine needs of models in addition to `Policy` and `Reward`.

An engine keeps several problems in flight and refills a batch slot as soon as
its problem has ended. It takes the steps of `search_step`, with the same keys,
but problems need not wait for each other: a policy begins steps, writes them
until enough are written, and hands out those of some problems.

These protocols are all that an engine calls. A plain `Policy` or `Reward` need
not have them: `whole_steps` adds them, one write being one whole step.

Axis letters: P problems in flight, N beams per problem.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax

from inference_scaling import compute
from inference_scaling.search import base


@runtime_checkable
class Batched(Protocol):
  """What a policy and a reward report to an engine's host."""

  def counts(self, state: Any) -> compute.Counts:
    """Tokens computed so far, each int32[P], given-up beams included."""
    ...

  def held(self, state: Any) -> Any:
    """Arrays [P, ..] kept for beams, whose bytes the host counts."""
    ...

  def report(self, state: Any) -> Any:
    """A small pytree of arrays [P, ..], brought to the host after each step."""
    ...

  def check(self, report: Any, where: str) -> None:
    """Stops a search that has gone wrong.

    Args:
      report: of one problem, without the axis P, in NumPy.
      where: names problem and depth in errors.

    Raises:
      FloatingPointError: for a number that is NaN or infinite.
      ValueError: for what did not fit.
    """
    ...


@runtime_checkable
class BatchedPolicy(base.Policy, Batched, Protocol):
  """A policy that can stop in the middle of its steps.

  `extend` is `begin`, `write` until no beam is live, and `finish`.
  """

  def begin(self, state: Any, active: jax.Array) -> Any:
    """Lets beams begin a step.

    Args:
      state: the beams.
      active: bool[P, N], those that begin; none of them is at a step.

    Returns:
      The state, same shapes and dtypes; these beams are live.
    """
    ...

  def live(self, state: Any) -> jax.Array:
    """Returns which beams still write their steps, bool[P, N]."""
    ...

  def write(
    self,
    params: Any,
    keys: jax.Array,
    state: Any,
    enough: Callable[[jax.Array], jax.Array],
  ) -> Any:
    """Writes the steps of live beams, all of them or until it is enough.

    Args:
      params: a pytree of arrays.
      keys: typed PRNG keys [P, N], the same until a beam's step is written.
      state: the beams.
      enough: from bool[P, N], the beams that are live, to bool[]: whether to
        stop now. It may be called seldom, and a call may stop earlier.

    Returns:
      The state, same shapes and dtypes; at least one live beam has gone on.
    """
    ...

  def finish(self, state: Any, ready: jax.Array) -> tuple[Any, base.Step]:
    """Takes steps out of the state.

    Args:
      state: the beams.
      ready: bool[P], problems of which no beam is live, or whose steps are
        given up.

    Returns:
      The state, in which their beams are at no step, and their steps; those of
      other problems are not looked at.
    """
    ...


@runtime_checkable
class BatchedReward(base.Reward, Batched, Protocol):
  """A reward that reports what it has computed."""
