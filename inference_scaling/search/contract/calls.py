"""A user's functions, as the laws call them.

Axis letters: P problems, N beams per problem.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling.search import base, compiled, extension


class States(NamedTuple):
  """The states of both objects, which go together.

  Attributes:
    policy: the policy's.
    reward: the reward's.
  """

  policy: Any
  reward: Any


class Moved(NamedTuple):
  """What one step of the search made.

  Attributes:
    states: both states after it.
    step: the policy's Step.
    scores: float32[P, N], of the reward.
  """

  states: States
  step: base.Step
  scores: jax.Array


class Calls:
  """Calls a policy and a reward with the same params again and again.

  Attributes:
    policy: the policy.
    reward: the reward.
    prompts: of P problems.
    P: the number of problems.
    N: the number of beams.
    seed: what all draws are made of.
  """

  def __init__(
    self, models: extension.Models, prompts: Any, seed: int, jit: bool
  ):
    """Compiles nothing yet.

    Args:
      models: both objects and their params.
      prompts: of P problems.
      seed: what all draws are made of.
      jit: whether to compile the functions.
    """
    self.policy, self.reward, *self._params = models
    self.prompts = prompts
    self.P = jax.tree.leaves(prompts)[0].shape[0]
    self.N = int(self.policy.num_beams)
    self.seed, self._jit = seed, jit
    self._make_keys = compiled.compiled(_make_keys)
    # Not the methods themselves: equal ones would share their programs.
    self._start = self._wrap(lambda *args: self._start_both(*args))
    self._advance = self._wrap(lambda *args: self._advance_both(*args))
    self._fork = self._wrap(lambda *args: self._fork_both(*args))
    self._rewind = self._wrap(lambda *args: self._rewind_both(*args))

  def again(self) -> "Calls":
    """The same objects, traced anew."""
    models = extension.Models(self.policy, self.reward, *self._params)
    return Calls(models, self.prompts, self.seed, self._jit)

  def reseeded(self, seed: int) -> "Calls":
    """The same programs with other draws."""
    other = object.__new__(Calls)
    other.__dict__.update(self.__dict__, seed=seed)
    return other

  def keys(self, depth: int, number: int) -> jax.Array:
    """Typed PRNG keys [P, N], of a depth and a purpose that a number names."""
    return self.problem_keys(range(self.P), depth, number)

  def problem_keys(
    self, problems: Iterable[int], depth: int, number: int
  ) -> jax.Array:
    """The same for problems with these numbers."""
    problems = np.asarray([*problems], np.int32)
    purpose = np.asarray([self.seed, depth, number], np.int32)
    slots = np.arange(self.N, dtype=np.int32)
    return self._make_keys(purpose, problems, slots)

  def parents(self, running: np.ndarray, number: int) -> np.ndarray:
    """Draws parents among beams that run, of each problem by itself.

    Args:
      running: bool[P, N].
      number: names the draw.

    Returns:
      int32[P, N]; 0, 1, .., N - 1 for a problem without a running beam. Where
      two beams or more run, at least one slot changes.
    """
    parents = np.tile(np.arange(self.N, dtype=np.int32), (self.P, 1))
    for p, row in enumerate(running):
      choices = np.flatnonzero(row)
      if len(choices):
        draw = np.random.default_rng([self.seed, number, p])
        parents[p] = draw.choice(choices, self.N)
      if len(choices) > 1:
        parents[p, choices[0]] = draw.choice(choices[1:])
    return parents

  def start(self, prompts: Any = None) -> States:
    """States at the ends of the prompts."""
    prompts = self.prompts if prompts is None else prompts
    return self._start(*self._params, prompts)

  def advance(
    self, states: States, keys: jax.Array, active: np.ndarray
  ) -> Moved:
    """One step of active beams, and its scores."""
    return self._advance(*self._params, states, keys, jnp.asarray(active))

  def fork(self, states: States, parents: np.ndarray) -> States:
    """Both states with other beams in the slots."""
    return self._fork(states, jnp.asarray(parents, jnp.int32))

  def rewind(self, before: States, after: States) -> States:
    """Both states before some steps; that of an owner without rewind as is."""
    return self._rewind(before, after)

  def _wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
    return compiled.compiled(function) if self._jit else function

  def _start_both(
    self, policy_params: Any, reward_params: Any, prompts: Any
  ) -> States:
    return States(
      self.policy.start(policy_params, prompts),
      self.reward.start(reward_params, prompts),
    )

  def _advance_both(
    self,
    policy_params: Any,
    reward_params: Any,
    states: States,
    keys: jax.Array,
    active: jax.Array,
  ) -> Moved:
    policy_state, step = self.policy.extend(
      policy_params, keys, states.policy, active
    )
    reward_state, scores = self.reward.score(
      reward_params, states.reward, step, active
    )
    states = States(policy_state, reward_state)
    return Moved(states, step, scores.astype(jnp.float32))

  def _fork_both(self, states: States, parents: jax.Array) -> States:
    return States(
      self.policy.fork(states.policy, parents),
      self.reward.fork(states.reward, parents),
    )

  def _rewind_both(self, before: States, after: States) -> States:
    return States(
      *(
        owner.rewind(old, new) if hasattr(owner, "rewind") else old
        for owner, old, new in zip(
          (self.policy, self.reward), before, after, strict=True
        )
      )
    )


def _make_keys(
  purpose: jax.Array, problems: jax.Array, slots: jax.Array
) -> jax.Array:
  """Typed PRNG keys [P, N]."""
  key = jax.random.key(purpose[0])
  for number in (purpose[1], purpose[2]):
    key = jax.random.fold_in(key, number)
  fold = jax.vmap(jax.random.fold_in, (None, 0))
  return jax.vmap(fold, (0, None))(fold(key, problems), slots)
