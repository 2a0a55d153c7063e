r"""A distilled model that thinks, on MATH500 or AIME: budgets and "Wait".

  python launch/sweep.py --config=configs/r1_distill.py:math500
  python launch/sweep.py --config=configs/r1_distill.py:aime24

DeepSeek-R1-Distill-Qwen-1.5B (DeepSeek-AI 2025, https://arxiv.org/abs/2501.12948)
at the temperature that its authors name; its chat template ends a prompt with
"<think>\n". Thinking is cut at a budget, or goes on after "Wait" up to k times
(Muennighoff et al. 2025, "s1", https://arxiv.org/abs/2501.19393), beside votes
of independent samples: parallel against sequential compute. This sweep has not
been run: the checkpoint could not be fetched where it was written.

Meant for one device of 80 GiB or several (mesh data=1), in bfloat16. There

  python launch/plan.py --policy=r1_distill_qwen_1.5b --reward= --n=16 \
    --problems=4 --prompt_tokens=1024 --step_tokens=32768 \
    --total_tokens=32768 --max_steps=1 --mesh=1,1

says that it fits, with a peak of 59.7 GiB a device: 3.3 GiB of weights and
56.1 GiB of caches are held all the time.

`configs/r1_distill.py:math500,runlocal` runs a random model of the same
architecture on a CPU, in about a minute.
"""

import ml_collections

from configs import common
from inference_scaling import spec

TOTAL = 32_768
BUDGETS = (512, 1024, 2048, 4096, 8192, 16_384)
WAITS = (1, 2, 4)


def get_config(arg: str = "math500") -> ml_collections.ConfigDict:
  """Makes the config of "math500" or "aime24"; ",runlocal" shrinks it."""
  benchmark, local = common.split_argument(arg, ("math500", "aime24"))
  config = spec.complete(
    {
      "task": {"kind": benchmark},
      "policies": {"r1": "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"},
      "prompt": {"kind": "chat"},
      "thinking": {"r1": {}},
      "runs": runs(BUDGETS),
      "sampler": {"temperature": 0.6, "top_p": 0.95},
      # A solution is one step, thinking and answer, up to the end of its text.
      "format": {"step_end": (), "answer_markers": ("\\boxed",)},
      "limits": {
        "prompt_tokens": 1024, "step_tokens": TOTAL, "total_tokens": TOTAL,
        "max_steps": 1,
      },
      "dtype": "bfloat16",
      "batch_size": 64,
    }
  )  # fmt: skip
  return shrink(config) if local else config


def runs(budgets: tuple[int, ...]) -> dict:
  """Samples without a limit, with each budget and with each k."""
  free = {"sampling": {"strategy": "sampling", "n": (16,)}}
  return free | common.thinking_runs(budgets, WAITS, 16, 4)


def shrink(config: common.Config) -> ml_collections.ConfigDict:
  """Shrinks the sweep to a check with a random model on a CPU."""
  with config.unlocked():
    config.task = {"kind": "synthetic", "count": 3, "levels": (1, 2, 3)}
    config.runs = {
      name: {**block, "n": (4,)} for name, block in runs((0, 8)).items()
    }
  config.policies.r1 = "random/r1_distill_qwen_1.5b"
  # Its tokenizer has no chat template, and "</think>" would be many tokens.
  config.prompt = {"kind": "plain"}
  config.thinking.r1 = {
    "open": "<think>\n", "close": "~", "end": "\n~\n", "wait": "Wait",
  }  # fmt: skip
  config.dtype = "float32"
  config.limits.update(
    prompt_tokens=160, step_tokens=48, total_tokens=48, max_steps=1
  )
  config.batch_size = 12
  return config
