"""Parallel against sequential compute, with the embedded policy that thinks.

  python launch/sweep.py --config=configs/thinking.py

Muennighoff et al., "s1: Simple test-time scaling", 2025,
https://arxiv.org/abs/2501.19393 (section 3.1, budget forcing; section 6.2,
sequential against parallel).

The policy attempts a problem in its thinking, may go on with "Wait" and another
attempt, and then answers. Its thinking ends by itself, is cut at a budget, or
goes on past its end k times; each way is sampled 16 times a problem, so that
the report compares their majority votes at equal FLOPs for every n.

It took 3 minutes of a busy machine with two cores. Expect 60% for one sample
and 73% for the majority of 16; "Wait" behind more samples at equal FLOPs, by 3
points at k = 1 and 25 at k = 4; a budget of 64 tokens behind them by 18.
"""

import ml_collections

from configs import common

POLICY = "thinking"
BUDGETS = (0, 32, 64, 128)
WAITS = (1, 2, 4)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  runs = {
    "greedy": {"strategy": "greedy"},
    "sampling": {"strategy": "sampling", "n": (16,)},
  }
  runs |= common.thinking_runs(BUDGETS, WAITS, 16, 16)
  for waits in WAITS:
    runs[f"greedy{waits}"] = {
      "strategy": f"greedy/wait{waits}", "waits": waits,
    }  # fmt: skip
  config: common.Config = common.embedded_sweep(
    (POLICY,), 180, runs, 256, {"format": "none"},
    thinking={POLICY: common.THINKING},
  )  # fmt: skip
  # One step: the tag of steps ends the answer.
  config.limits.update(step_tokens=384, total_tokens=384, max_steps=1)
  return common.shrink(config) if local else config
