"""The FLOPs of a record by model, and by prompts and the rest."""

import numpy as np

from inference_scaling import names
from inference_scaling.analysis.records import fields


def split_flops(ledger: dict, where: str) -> tuple[dict[str, np.ndarray], bool]:
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
  total = fields.get(ledger, "flops", dict, where)
  prefill = fields.get(ledger, "flops_prefill", dict, where)
  apart = "flops_reward" in ledger
  flops, place = {}, f"{where}: ledger"
  for convention in names.CONVENTIONS:
    everything = fields.number(total, convention, place)
    prompts = fields.number(prefill, convention, place)
    reward = reward_prompts = 0.0
    if apart:
      reward = fields.number(ledger["flops_reward"], convention, place)
      reward_prompts = fields.number(
        fields.get(ledger, "flops_reward_prefill", dict, where),
        convention,
        place,
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
      raise fields.RecordError(
        f"{where}: ledger FLOPs of convention {convention!r} do not add up:"
        f" {everything} in all, {prompts} for prompts, {reward} by the reward"
        f" model, {reward_prompts} of these for prompts"
      )
    flops[convention] = np.maximum(parts, 0.0)
  return flops, apart
