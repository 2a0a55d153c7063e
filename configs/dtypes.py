"""What quantised weights cost in accuracy, with the embedded models.

  python launch/sweep.py --config=configs/dtypes.py

Two policies, each in float32, int8 and fp8, on the same 240 test problems with
the same draws: greedy decoding and 16 samples. The reward model stays in
float32; --config.dtype=int8 quantises it alone.

Expect ten minutes on two cores; differences of int8 to float32 lie within their
95% intervals. inference_scaling/models/README.md has the numbers, of 150 of the
problems, and those of next tokens (launch/agreement.py).
"""

import ml_collections

from configs import common

POLICIES = ("small", "middle")
DTYPES = ("float32", "int8", "fp8")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  runs = {
    "greedy": {"strategy": "greedy"},
    "sampling": {"strategy": "sampling", "n": (16,)},
  }
  config: common.Config = common.embedded_sweep(
    POLICIES, 240, runs, batch_size=256
  )
  names = {
    f"{policy}_{dtype}": (policy, dtype)
    for policy in POLICIES
    for dtype in DTYPES
  }
  with config.unlocked():
    config.policies = {
      name: config.policies[policy] for name, (policy, _) in names.items()
    }
    config.policy_dtypes = {name: dtype for name, (_, dtype) in names.items()}
    for block in config.runs.values():
      block.policies = tuple(names)
  return common.shrink(config) if local else config
