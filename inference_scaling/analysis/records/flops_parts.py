"""The FLOPs of a record by model, and by prompts and the rest."""

import math
from collections.abc import Mapping

import numpy as np

from inference_scaling import names
from inference_scaling.spec import record as record_lib
from inference_scaling.spec import typed_json

# How often hidden states are charged that a policy computes and a value head on
# it reads: by the policy and by the reward model, whose body it is; or once.
TWICE, ONCE = "twice", "once"
CHARGES = (TWICE, ONCE)
_ROUNDING = 1e-9  # share of the FLOPs by which sums of large floats may be off


def split_flops(
  ledger: record_lib.Ledger, where: str
) -> tuple[dict[str, np.ndarray], bool]:
  """Splits a ledger's FLOPs.

  Args:
    ledger: of a record.
    where: "file:line", the start of every error message.

  Returns:
    convention -> float64[4] FLOPs of policy prompts, policy rest, reward
    prompts, reward rest; and whether the ledger tells the reward model's apart.

  Raises:
    RecordError: if a number is missing, or they do not add up.
  """
  apart = ledger.flops_reward is not None
  flops = {}
  for convention in names.CONVENTIONS:
    everything = _number(ledger, "flops", convention, where)
    prompts = _number(ledger, "flops_prefill", convention, where)
    reward = reward_prompts = 0.0
    if apart:
      reward = _number(ledger, "flops_reward", convention, where)
      reward_prompts = _number(
        ledger, "flops_reward_prefill", convention, where
      )
    parts = np.array(
      [
        prompts - reward_prompts,
        everything - reward - (prompts - reward_prompts),
        reward_prompts,
        reward - reward_prompts,
      ]
    )
    # Differences of large floats: allow rounding, not a wrong ledger.
    if (parts < -_ROUNDING * max(everything, 1.0)).any():
      raise record_lib.RecordError(
        f"{where}: ledger FLOPs of convention {convention!r} do not add up:"
        f" {everything} in all, {prompts} for prompts, {reward} by the reward"
        f" model, {reward_prompts} of these for prompts"
      )
    flops[convention] = np.maximum(parts, 0.0)
  return flops, apart


def charge_once(
  ledger: record_lib.Ledger, flops: Mapping[str, np.ndarray], where: str
) -> dict[str, np.ndarray]:
  """FLOPs where a value head is not charged for the policy's hidden states.

  Of the reward model only the head is left, which reads no prompt.

  Args:
    ledger: of a record.
    flops: of `split_flops`, with the reward model in full.
    where: "file:line", the start of every error message.

  Returns:
    As `flops`; empty for other reward models, whose ledgers have no flops_head.

  Raises:
    RecordError: if a number is missing, or the head costs more than the reward
      model that it is a part of.
  """
  if ledger.flops_head is None:
    return {}
  charged = {}
  for convention, parts in flops.items():
    reward = _number(ledger, "flops_reward", convention, where)
    head = _number(ledger, "flops_head", convention, where)
    if head > reward + _ROUNDING * max(reward, 1.0):
      raise record_lib.RecordError(
        f"{where}: ledger: flops_head of convention {convention!r} is {head};"
        f" expected at most flops_reward, {reward}, of which it is a part"
      )
    charged[convention] = np.array([*parts[:2], 0.0, head])
  return charged


def _number(
  ledger: record_lib.Ledger, name: str, convention: str, where: str
) -> float:
  """Reads a finite number of FLOPs that is not negative."""
  where = f"{where}: ledger"
  by_convention = getattr(ledger, name)
  if by_convention is None:
    raise record_lib.RecordError(f"{where}: field {name!r} is missing")
  where = f"{where}: {name}"
  value = typed_json.read_field(by_convention, convention, int | float, where)
  if not math.isfinite(value) or value < 0:
    raise record_lib.RecordError(
      f"{where}: field {convention!r} is {value}; expected >= 0"
    )
  return float(value)
