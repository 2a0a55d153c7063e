"""The FLOPs of a record by model, and by prompts and the rest."""

import math

import numpy as np

from inference_scaling import names
from inference_scaling.spec import record as record_lib
from inference_scaling.spec import typed_json


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
    if (parts < -1e-9 * max(everything, 1.0)).any():
      raise record_lib.RecordError(
        f"{where}: ledger FLOPs of convention {convention!r} do not add up:"
        f" {everything} in all, {prompts} for prompts, {reward} by the reward"
        f" model, {reward_prompts} of these for prompts"
      )
    flops[convention] = np.maximum(parts, 0.0)
  return flops, apart


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
