r"""Llemma-34B with the Llemma-34B reward model.

  python launch/sweep.py --config=configs/llemma_34b.py:math500
  python launch/sweep.py --config=configs/llemma_34b.py:gsm8k

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724.
Tables 1 and 4 (MV / BoN / WV), accuracy in % beside FLOPs
of a problem in 1e12:

  | strategy |   n | MATH  | MATH500            | GSM8K | GSM8K              |
  | greedy   |   1 |  19.0 | 33.0               |  11.2 | 78.4               |
  | sampling |   8 |   152 | 39.9 / 40.4 / 41.0 |  89.7 | 84.3 / 86.7 / 86.0 |
  | sampling |  64 |  1210 | - / - / 46.7       |       |                    |
  | REBASE   |   8 |   177 | 43.9 / 43.6 / 42.9 |  98.7 | 86.1 / 86.9 / 86.9 |
  | REBASE   |  32 |   708 | - / - / 49.2       |       |                    |

Meant for 8 devices of 80 GiB (mesh data=1, model=8), in bfloat16. There

  python launch/plan.py --policy=llemma_34b --reward=llemma_34b --n=64 \
    --prompt_tokens=1024 --mesh=1,8

says that it fits, with a peak of 19.6 GiB a device: 15.7 GiB of weights and
3.4 GiB of caches are held all the time.

`configs/llemma_34b.py:math500,runlocal` runs random models of the same
architectures on a CPU, in about a minute.
"""

import ml_collections

from configs import common

POLICIES = {"llemma_34b": "tkitsers/Llemma-metamath-34b"}


def get_config(arg: str = "math500") -> ml_collections.ConfigDict:
  """Makes the config of "math500" or "gsm8k"; ",runlocal" shrinks it."""
  benchmark, local = common.split_argument(arg, common.BENCHMARKS)
  config = common.paper_sweep(
    benchmark,
    POLICIES,
    common.strategies(samples=64, beams=(2, 4, 8, 16, 32)),
    batch_size=64,
  )
  if local:
    common.shrink_models(
      config, {"llemma_34b": "random/llemma_34b"}, "random/llemma_34b"
    )
  return config
