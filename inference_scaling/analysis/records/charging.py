"""Hidden states of a policy that a value head reads: charged twice or once.

A reward model is charged for its whole body. Where the policy that writes is
this body, the head's hidden states are those that decoding has computed: two
models would compute them twice, one needs them once.
"""

import dataclasses
from collections.abc import Iterable

from inference_scaling.analysis.records import flops_parts, load


def charge(records: Iterable[load.Record], charges: str) -> list[load.Record]:
  """Charges the records of value heads in one of the two ways.

  Args:
    records: of a sweep.
    charges: one of `flops_parts.CHARGES`.

  Returns:
    The records; those of other reward models as they are.

  Raises:
    ValueError: if there is no such way.
  """
  if charges not in flops_parts.CHARGES:
    raise ValueError(
      f"hidden_states {charges!r} is not known; expected one of"
      f" {flops_parts.CHARGES}"
    )
  return [
    dataclasses.replace(record, flops=record.charges[charges])
    if record.charges
    else record
    for record in records
  ]


def of_value_heads(records: Iterable[load.Record]) -> list[load.Record]:
  """The records whose reward model is a value head on their policy."""
  return [record for record in records if record.charges]
