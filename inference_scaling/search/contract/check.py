"""Runs all laws on a user's objects.

Axis letters: P problems, N beams per problem.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import (
  base,
  extension,
)
from inference_scaling.search.checks import arguments
from inference_scaling.search.contract import (
  beams,
  problems,
  rewinding,
  structure,
  values,
)
from inference_scaling.search.contract.calls import Calls


class Held(tuple[str, ...]):
  """The names of the laws that were seen to hold.

  Attributes:
    untested: why the others were not tested, by their names.
  """

  untested: dict[str, str]

  def __new__(cls, held: Iterable[str], untested: dict[str, str]) -> "Held":
    """Makes the tuple of what held."""
    self = super().__new__(cls, held)
    self.untested = untested
    return self

  def __repr__(self) -> str:
    lines = [f"held: {', '.join(self)}"]
    lines += [f"not tested: {name}, because {reason}"
              for name, reason in self.untested.items()]  # fmt: skip
    return "\n".join(lines)


_STRUCTURE = ("functions", "hashable", "leading axis", "shapes and dtypes")
# At the prompts, and where the beams have gone different ways.
_OF_BEAMS = {
  "inactive beams": beams.inactive,
  "own key and step": beams.own_key,
  "any slot": beams.any_slot,
  "active together": beams.active_together,
  "fork to itself": beams.fork_identity,
  "fork": beams.fork,
  "fork of a fork": beams.fork_twice,
  "rewind": rewinding.rewind,
  "counts": rewinding.counts,
}
_OF_PROBLEMS = {
  "neighbours": problems.neighbours,
  "order of problems": problems.order,
  "number of problems": problems.alone,
}
# Rows change their positions in the arrays, so that sums may be rounded
# otherwise and a draw on the very edge may turn: seen once is not seen.
_ROUNDED = (
  "any slot", "active together", "fork", "fork of a fork", "order of problems",
  "number of problems",
)  # fmt: skip


def check(
  policy: base.Policy,
  reward: base.Reward,
  policy_params: Any,
  reward_params: Any,
  prompts: Any,
  *,
  seed: int = 0,
  num_steps: int = 8,
  jit: bool = True,
) -> Held:
  """Tries on a policy and a reward what every search relies on.

  Most breaches of the contract raise nothing in a search: they change its
  results. Run this once on a port, on small params and with few beams (3 to 8
  show all); two prompts that differ are enough, and one is taken twice.

  Args:
    policy: the policy.
    reward: the reward.
    policy_params: given to the policy's functions.
    reward_params: given to the reward's functions.
    prompts: as for `init_search`.
    seed: of the draws.
    num_steps: how many steps to take beams along, for what steps say.
    jit: whether to compile the functions; without, they run op by op, which
      shows their own Python errors best.

  Returns:
    The names of the laws that were seen to hold. Some need an occasion: "fork"
    two beams of a problem that still run, "rewind" such a function. Of those
    that had none, `untested` of the result says why.

  Raises:
    ValueError: naming every broken law, what was seen and what to do.
  """
  arguments.check_static("search.check: num_steps", num_steps, 1)
  models = extension.Models(policy, reward, policy_params, reward_params)
  structure.check(models, prompts)
  calls = Calls(models, _at_least_two(prompts), seed, jit)
  with structure.law("status and tokens"):
    points, moved = values.walk(calls, num_steps)
  with structure.law("same key, same step"):
    _refuse(values.depends_on_more(calls, points[0], moved[0]))
  results: dict[str, values.Verdict] = {
    "finite scores": values.infinite_scores(points, moved),
    "padding": values.padding(points, moved),
    **_try(calls, points),
  }
  broken = {
    name: text
    for name, text in results.items()
    if isinstance(text, str) and text
  }
  for name in [name for name in broken if name in _ROUNDED]:
    if not _seen_again(calls, name):
      del broken[name]
  if broken:
    raise ValueError(
      "\n".join(structure.broken(*item) for item in broken.items())
    )
  untested = {
    name: verdict.reason
    for name, verdict in results.items()
    if isinstance(verdict, values.Untested)
  }
  held = [name for name in results if name not in untested]
  first = (*_STRUCTURE, "status and tokens", "same key, same step")
  return Held((*first, *held), untested)


def _at_least_two(prompts: Any) -> Any:
  """The prompts, or the only one twice: neighbours need a neighbour."""
  if jax.tree.leaves(prompts)[0].shape[0] > 1:
    return prompts
  return jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), prompts)


def _refuse(text: str) -> None:
  if text:
    raise ValueError(text)


def _try(
  calls: Calls,
  points: list[values.Point],
  names: Sequence[str] | None = None,
) -> dict[str, values.Verdict]:
  """The verdict on every law, or on those with some names."""
  results: dict[str, values.Verdict] = {}
  for laws, points_of_law in (
    (_OF_BEAMS, points[:2]),
    (_OF_PROBLEMS, points[:1]),
  ):
    for name, law in laws.items():
      if names is None or name in names:
        verdicts = [law(calls, point) for point in points_of_law]
        tested = [text for text in verdicts if isinstance(text, str)]
        results[name] = max(tested, key=bool) if tested else verdicts[0]
  return results


def _seen_again(calls: Calls, name: str) -> bool:
  """Whether a law is broken with other draws, too."""
  for seed in (calls.seed + 1, calls.seed + 2):
    other = calls.reseeded(seed)
    points, _ = values.walk(other, 2)
    verdict = _try(other, points, (name,))[name]
    if isinstance(verdict, str) and verdict:
      return True
  return False
