r"""Mistral-7B with the Llemma-34B reward model.

  python launch/sweep.py --config=configs/mistral_7b.py:math500
  python launch/sweep.py --config=configs/mistral_7b.py:gsm8k

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724.
Tables 1 and 4 (MV / BoN / WV), accuracy in % beside FLOPs
of a problem in 1e12:

  | strategy |   n | MATH  | MATH500            | GSM8K | GSM8K              |
  | greedy   |   1 |   3.4 | 28.6               |   2.3 | 77.9               |
  | sampling |  32 |   109 | 36.1 / 40.3 / 39.7 |  72.6 | 85.7 / 89.4 / 89.1 |
  | sampling | 256 |   870 | - / - / 42.8       |       |                    |
  | REBASE   |  32 |   136 | 44.1 / 45.4 / 45.0 |  78.9 | 88.8 / 89.4 / 89.8 |

The authors' Mistral-7B is not published; the policy here is Math-Shepherd's,
fine-tuned on MetaMath in the same step format. Another one is made by
configs/finetune_policy.py:mistral_7b.

Meant for 8 devices of 80 GiB (mesh data=1, model=8), in bfloat16. There

  python launch/plan.py --policy=mistral_7b --reward=llemma_34b --n=256 \
    --prompt_tokens=1024 --mesh=1,8

says that it fits, with a peak of 23.3 GiB a device: 9.5 GiB of weights and
11.5 GiB of caches are held all the time.

`configs/mistral_7b.py:math500,runlocal` runs random models of the same
architectures on a CPU, in about a minute.
"""

import ml_collections

from configs import common

POLICIES = {"mistral_7b": "peiyi9979/mistral-7b-sft"}


def get_config(arg: str = "math500") -> ml_collections.ConfigDict:
  """Makes the config of "math500" or "gsm8k"; ",runlocal" shrinks it."""
  benchmark, local = common.split_argument(arg, common.BENCHMARKS)
  config = common.paper_sweep(
    benchmark,
    POLICIES,
    common.strategies(samples=256, beams=(4, 8, 16, 32, 64)),
    batch_size=256,
  )
  if local:
    common.shrink_models(
      config, {"mistral_7b": "random/mistral_7b"}, "random/llemma_34b"
    )
  return config
