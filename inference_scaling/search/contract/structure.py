"""Laws about shapes, dtypes and functions, seen without computing anything.

Axis letters: P problems, N beams per problem.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import extension
from inference_scaling.search.checks import entries, values

# Numbers of problems to try beside the given one: as multiples of it, so that
# problems still go evenly onto the devices of a mesh.
_MULTIPLES = (2, 3, 5, 7, 11)


def check(models: extension.Models, prompts: Any) -> None:
  """Raises a ValueError that names the first law of the structure broken.

  Args:
    models: a policy, a reward and their params.
    prompts: of P problems.
  """
  policy, reward, *_ = models
  with law("functions"):
    entries.check_models(policy, reward)
  with law("hashable"):
    entries.check_hashable(policy, reward)
  shapes = jax.tree.leaves(jax.eval_shape(lambda: prompts))
  if not shapes or any(leaf.ndim == 0 for leaf in shapes):
    raise ValueError(
      "search.check: prompts have an array without axes, or none at all, "
      "expected arrays with a leading axis of problems"
    )
  P = shapes[0].shape[0]
  values.check_leading("search.check: prompts", prompts, (P,))
  if P == 0:
    raise ValueError(
      "search.check: prompts are of 0 problems, expected 1 or more; two that "
      "differ show most"
    )
  _check_leading(models, prompts, P)
  jax.eval_shape(lambda: _trace(models, prompts, P))


@contextlib.contextmanager
def law(name: str) -> Iterator[None]:
  """Lets an error of the checks inside name the law."""
  try:
    yield
  except ValueError as error:
    raise ValueError(broken(name, str(error))) from error


def broken(name: str, text: str) -> str:
  """The message for a broken law."""
  return f"search.check: the law '{name}' is broken: {text}"


def _check_leading(models: extension.Models, prompts: Any, P: int) -> None:
  """Problems lead in every leaf, however many there are."""
  N = models.policy.num_beams
  states = _start(models, prompts, P)
  taken = {size for leaf in jax.tree.leaves(states) for size in leaf.shape}
  more = [P * m for m in _MULTIPLES if P * m not in taken and m != N]
  for number in (P, *more[:1]):
    states = _start(models, prompts, number)
    for name, state in zip(("policy", "reward"), states, strict=True):
      with law("leading axis"):
        values.check_leading(
          f"the state from {name}.start", state, (number,), N
        )


def _start(
  models: extension.Models, prompts: Any, number: int
) -> tuple[Any, Any]:
  """Shapes of both states for so many problems."""

  def resized(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((number, *leaf.shape[1:]), leaf.dtype)

  prompts = jax.tree.map(resized, jax.eval_shape(lambda: prompts))
  return (
    jax.eval_shape(models.policy.start, models.policy_params, prompts),
    jax.eval_shape(models.reward.start, models.reward_params, prompts),
  )


def _trace(models: extension.Models, prompts: Any, P: int) -> None:
  """Every function once, with the checks of the loop."""
  policy, reward, policy_params, reward_params = models
  N = policy.num_beams
  active = jnp.ones((P, N), bool)
  parents = jnp.zeros((P, N), jnp.int32)
  keys = extension.beam_keys(jax.random.split(jax.random.key(0), P), N)
  before = [
    policy.start(policy_params, prompts), reward.start(reward_params, prompts)
  ]  # fmt: skip
  with _types():
    policy_state, step = extension.extend(models, keys, before[0], active)
  with _types():
    reward_state, _ = extension.score(models, before[1], step, active)
  after = [policy_state, reward_state]
  for name, owner, old, new in zip(
    ("policy", "reward"), models[:2], before, after, strict=True
  ):
    with _types():
      extension.fork(name, owner, new, parents)
      if hasattr(owner, "rewind"):
        extension.rewind(name, owner, old, new)


@contextlib.contextmanager
def _types() -> Iterator[None]:
  """As `law`, for what the loop's own checks find: not for a user's errors."""
  try:
    yield
  except values.WrongValueError as error:
    raise ValueError(broken("shapes and dtypes", str(error))) from error
