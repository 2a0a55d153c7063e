r"""Llemma-7B with the Llemma-34B reward model.

  python launch/sweep.py --config=configs/llemma_7b.py:math500
  python launch/sweep.py --config=configs/llemma_7b.py:gsm8k

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724.
Tables 1 and 4 (MV / BoN / WV), accuracy in % beside FLOPs
of a problem in 1e12:

  | strategy |   n | MATH  | MATH500            | GSM8K | GSM8K              |
  | greedy   |   1 |  3.92 | 30.0               |   2.3 | 68.5               |
  | sampling |  32 |   125 | 41.0 / 41.7 / 43.5 |  73.9 | 80.0 / 85.6 / 85.4 |
  | sampling | 256 |  1000 | - / - / 45.5       |       |                    |
  | REBASE   |  32 |   148 | 46.1 / 44.1 / 46.8 |  82.6 | 86.1 / 86.9 / 87.3 |

Meant for 8 devices of 80 GiB (mesh data=1, model=8), in bfloat16. There

  python launch/plan.py --policy=llemma_7b --reward=llemma_34b --n=256 \
    --prompt_tokens=1024 --mesh=1,8

says that it fits, with a peak of 35.2 GiB a device: 9.4 GiB of weights and
23.6 GiB of caches are held all the time. MCTS holds a beam for each node: 270
for 128 expansions and 16 children of the root.

`configs/llemma_7b.py:math500,runlocal` runs random models of the same
architectures on a CPU, in about a minute.
"""

import ml_collections

from configs import common

POLICIES = {"llemma_7b": "tkitsers/Llemma-metamath-7b"}


def get_config(arg: str = "math500") -> ml_collections.ConfigDict:
  """Makes the config of "math500" or "gsm8k"; ",runlocal" shrinks it."""
  benchmark, local = common.split_argument(arg, common.BENCHMARKS)
  config = common.paper_sweep(
    benchmark,
    POLICIES,
    {
      **common.strategies(samples=256, beams=(4, 8, 16, 32, 64)),
      **common.mcts(expansions=(32, 64, 128)),
    },
    batch_size=256,
  )
  if local:
    common.shrink_models(
      config, {"llemma_7b": "random/llemma_7b"}, "random/llemma_34b"
    )
  return config
