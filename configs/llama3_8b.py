r"""Llama-3-8B-Instruct with the Llemma-34B reward model.

  python launch/sweep.py --config=configs/llama3_8b.py:math500
  python launch/sweep.py --config=configs/llama3_8b.py:gsm8k

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724.
Table 4 and Figure 13 (MV / BoN / WV), accuracy in % beside FLOPs
of a problem in 1e12:

  | strategy |   n | MATH  | MATH500            | GSM8K | GSM8K              |
  | greedy   |   1 |  3.84 | 29.6               |  2.28 | 79.0               |
  | sampling |  32 |   123 | 35.4 / 39.7 / 39.5 |  73.2 | 84.6 / 88.5 / 88.6 |
  | REBASE   |  32 |   173 | 45.2 / 45.5 / 43.7 |  79.3 | 88.3 / 88.7 / 89.1 |

The policy is asked for one step a line by its chat template; it need not know
the reward model's tag. The paper does not print its prompt.

Meant for 8 devices of 80 GiB (mesh data=1, model=8), in bfloat16. There

  python launch/plan.py --policy=llama3_8b --reward=llemma_34b --n=64 \
    --prompt_tokens=1024 --reward_step_tokens=512 --reward_total_tokens=2048 \
    --mesh=1,8

says that it fits, with a peak of 14.7 GiB a device: 9.7 GiB of weights and
4.0 GiB of caches are held all the time.

`configs/llama3_8b.py:math500,runlocal` runs random models of the same
architectures on a CPU, in about a minute.
"""

import ml_collections

from configs import common

POLICIES = {"llama3_8b": "meta-llama/Meta-Llama-3-8B-Instruct"}
SYSTEM = (
  "Solve the problem step by step. Write every step on a line of its own and "
  "begin it with its number: 'Step 1: ...'. Close with a line 'The answer is: "
  "...' that holds nothing but the answer."
)


def get_config(arg: str = "math500") -> ml_collections.ConfigDict:
  """Makes the config of "math500" or "gsm8k"; ",runlocal" shrinks it."""
  benchmark, local = common.split_argument(arg, common.BENCHMARKS)
  config = common.paper_sweep(
    benchmark,
    POLICIES,
    common.strategies(samples=64, beams=(4, 8, 16, 32)),
    batch_size=64,
    reward_tokens=(512, 2048),
  )
  config.prompt = {"kind": "chat", "system": SYSTEM}
  config.format = {"step_end": ("\n",), "answer_markers": ("The answer is",)}
  if local:
    # The small model's tokenizer has no chat template, nor does it end lines.
    config.prompt = {"kind": "plain"}
    config.format = dict(common.STEP_FORMAT)
    common.shrink_models(
      config, {"llama3_8b": "random/llama3_8b"}, "random/llemma_34b"
    )
  return config
