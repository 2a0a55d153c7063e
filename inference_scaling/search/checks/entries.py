"""Errors for the arguments of a search: models, strategy, keys and sizes.

Every public function that takes a policy, a reward or a strategy checks them
here, before it calls any of them.
"""

from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.checks import arguments

_POLICY = ("start", "extend", "fork")
_REWARD = ("start", "score", "fork")


def check_models(policy: Any, reward: Any) -> None:
  """Checks that a policy and a reward have their functions.

  Raises:
    ValueError: naming the object and what it lacks.
  """
  check_policy(policy)
  check_reward(reward)


def check_reward(reward: Any) -> None:
  """Checks that a reward has its functions; as `check_models`."""
  _check_functions("reward", reward, _REWARD)


def check_policy(policy: Any) -> None:
  """Checks that a policy has its functions; as `check_models`."""
  _check_functions("policy", policy, _POLICY)
  if not hasattr(policy, "num_beams"):
    raise ValueError(
      f"search: the policy ({type(policy).__name__}) has no num_beams, "
      "expected the number of beams of a problem as an attribute"
    )
  arguments.check_static("search: num_beams", policy.num_beams, 1)


def check_strategy(strategy: Any) -> None:
  """Checks a strategy, or its static part.

  Raises:
    ValueError: if it is something else, or a field is not as `base.Strategy`
      says.
  """
  if not isinstance(strategy, base.Strategy):
    name = getattr(strategy, "__name__", None)
    if callable(strategy) and name:
      shown, hint = f"the function {name}", f"call it: {name}(..)"
    else:
      shown = arguments.shown(strategy)
      hint = "make one, such as rebase(temperature=0.1)"
    raise ValueError(
      f"search: strategy is {shown}, expected a Strategy; {hint}"
    )
  for name in ("init", "select", "first", "check", "resume"):
    value = getattr(strategy, name)
    optional = value is None and name != "select"
    if not optional and not callable(value):
      raise ValueError(
        f"search: strategy.{name} is {arguments.shown(value)}, expected a "
        "function"
      )
  arguments.check_choice(
    "search: strategy.duplicates", strategy.duplicates, base.DUPLICATES
  )
  arguments.check_static("search: strategy.lookahead", strategy.lookahead, 0)
  if strategy.resume is not None and strategy.resumes is not True:
    raise ValueError(
      f"search: strategy.resumes is {arguments.shown(strategy.resumes)} beside "
      "a function resume, expected True"
    )


def check_answers(strategy: base.Strategy, answers: Any) -> None:
  """Checks that answers can be read where a strategy asks for them.

  Raises:
    ValueError: on a strategy that is its static part alone, or without a
      function that reads answers.
  """
  if not strategy.resumes:
    return
  if strategy.resume is None:
    raise ValueError(
      "search: strategy.resume is None, expected a function of Answers; give "
      "the strategy itself, not its static part"
    )
  if not callable(answers):
    raise ValueError(
      f"search: answers is {arguments.shown(answers)}, but the strategy draws "
      "on by the answers of beams that have ended; expected a function from "
      "the number of a problem and its tree, in NumPy, to whole numbers [N], "
      "equal for equal answers, negative for none"
    )


def check_lookahead(strategy: base.Strategy, policy: Any, reward: Any) -> None:
  """Checks that steps can be taken back where a strategy looks ahead.

  Raises:
    ValueError: naming the policy or the reward that cannot.
  """
  for name, owner in (("policy", policy), ("reward", reward)):
    if strategy.lookahead and not hasattr(owner, "rewind"):
      raise ValueError(
        f"the strategy looks ahead, but the {name} "
        f"({type(owner).__name__}) has no function rewind(before, after); add "
        "it (returning `before` is right where nothing is counted), or choose "
        "a strategy with lookahead=0"
      )


def check_hashable(policy: Any, reward: Any) -> None:
  """Checks that a policy and a reward can be static arguments of jit.

  Raises:
    ValueError: naming the one that cannot.
  """
  for role, owner in (("policy", policy), ("reward", reward)):
    try:
      hash(owner)
    except TypeError as error:
      raise ValueError(
        f"search: the {role} ({type(owner).__name__}) cannot be hashed "
        f"({error}), expected an object that can be a static argument of jit: "
        "make it a dataclasses.dataclass(frozen=True) of numbers and texts, "
        "and give arrays as params"
      ) from error


def check_state(policy: Any, state: Any) -> None:
  """Checks that a search goes on with as many beams as it began with.

  Raises:
    ValueError: naming both numbers.
  """
  num_beams = state.status.shape[1]
  if num_beams != policy.num_beams:
    raise ValueError(
      f"search: the state has {num_beams} beams a problem and the policy "
      f"({type(policy).__name__}) num_beams={policy.num_beams}, expected the "
      "policy that init_search was given"
    )


def check_start(
  strategy: base.Strategy, num_beams: int, keys: Any, max_depth: Any
) -> None:
  """Checks what only the start of a search needs.

  Args:
    strategy: one that `check_strategy` lets pass.
    num_beams: N.
    keys: the keys of the problems.
    max_depth: most depths.

  Raises:
    ValueError: on a strategy that is its static part alone, wrong keys or
      depths, or a size for which the strategy cannot do what is asked.
  """
  if strategy.init is None:
    raise ValueError(
      "search: strategy.init is None, expected a function of num_beams; give "
      "the strategy itself, not its static part"
    )
  typed = isinstance(keys, jax.Array) and jnp.issubdtype(
    keys.dtype, jax.dtypes.prng_key
  )
  if not typed or keys.ndim != 1:
    raise ValueError(
      f"search: keys are {arguments.shown(keys)}, expected typed PRNG keys "
      "[P]; make them with jax.vmap(jax.random.key) or jax.random.split"
    )
  arguments.check_static("search: max_depth", max_depth, 1)
  if strategy.check is not None:
    strategy.check(num_beams, max_depth)


def _check_functions(role: str, owner: Any, names: tuple[str, ...]) -> None:
  if isinstance(owner, type):
    raise ValueError(
      f"search: the {role} is the class {owner.__name__}, expected an object "
      f"of it; make one: {owner.__name__}(..)"
    )
  missing = [name for name in names if not callable(getattr(owner, name, None))]
  if missing:
    raise ValueError(
      f"search: the {role} ({type(owner).__name__}) has no function "
      f"{' and no '.join(missing)}, expected an object with "
      f"{', '.join(names)}; see search.{role.capitalize()}"
    )
