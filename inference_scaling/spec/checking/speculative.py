"""Checks of policies that are made of two: `config.speculative`."""

from typing import Any

from inference_scaling import names


def check(sweep: Any) -> None:
  """Checks such policies against the rest of a sweep.

  Args:
    sweep: a `Sweep`, whose keys have been read.

  Raises:
    ValueError: naming the policy, what it needs and what to do.
  """
  for name, pair in sweep.speculative.items():
    path = f"config.speculative.{name}"
    if name in sweep.policies:
      raise ValueError(
        f"{path} has the name of a policy in config.policies; expected another "
        f"name, such as '{pair.draft}+{pair.target}'. Rename one of the two."
      )
    for role in ("draft", "target"):
      _check_policy(sweep, f"{path}.{role}", getattr(pair, role))
    if not sweep.reward.has_scores:
      raise ValueError(
        f"{path} needs rewards of steps, but config.reward.format is "
        f"{sweep.reward.format!r}; expected a format with scores. Give a "
        "reward model, or leave the pair out."
      )
    if sweep.mesh.data * sweep.mesh.model > 1:
      raise ValueError(
        f"{path} needs a mesh of one device, but config.mesh is "
        f"{sweep.mesh.data} x {sweep.mesh.model}. Give --config.mesh.data=1 "
        "--config.mesh.model=1, or leave the pair out."
      )


def _check_policy(sweep: Any, path: str, policy: str) -> None:
  """Checks that another policy can read the steps of this one."""
  source = sweep.policies.get(policy)
  if source is None:
    raise ValueError(
      f"{path} is {policy!r}, which config.policies lacks; expected one of "
      f"{', '.join(sorted(sweep.policies))}."
    )
  own = source.startswith(names.PYTHON_PREFIX)
  if own or policy in sweep.thinking:
    kind = "is a function of your own" if own else "thinks before it answers"
    raise ValueError(
      f"{path} is {policy!r}, which {kind}; expected a model of this package "
      "that does not think, since another policy must read its steps. Name "
      "another one, or leave the pair out."
    )
