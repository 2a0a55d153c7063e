r"""Any published benchmark with a small policy: avg@n, maj@n and pass@n.

  python launch/sweep.py --config=configs/benchmarks.py:aime25
  python launch/sweep.py --config=configs/benchmarks.py:gpqa_diamond

The argument is a benchmark of inference_scaling/tasks/README.md whose answers
are graded by what they are. Samples are drawn as the field reports each: 64 of
the AIME and AMC (avg@64), 8 of GPQA-Diamond and MATH500, 4 of the larger ones;
DeepSeek-R1 (DeepSeek-AI 2025, https://arxiv.org/abs/2501.12948, section 3) is
reported over 4 to 64, by the size of the test set. The report's section *Mean
over samples* has avg@n with its interval.

Mathematics is for Qwen2.5-Math-1.5B-Instruct, asked as its authors do (Yang et
al. 2024, https://arxiv.org/abs/2409.12122); letters are for
Qwen2.5-1.5B-Instruct. --config.policies.qwen=ORG/NAME takes another one. These
sweeps have not been run: neither weights nor these files could be fetched where
they were written, so that lengths of prompts are estimates. A sweep whose
prompts are longer says so before it begins, and which limit to raise.

Meant for one device of 80 GiB, in bfloat16. There

  python launch/plan.py --policy=qwen2.5_math_1.5b --reward= --n=64 \
    --problems=4 --prompt_tokens=1024 --step_tokens=3072 \
    --total_tokens=3072 --max_steps=1 --mesh=1,1

says that it fits, with a peak of 24.9 GiB a device: 2.9 GiB of weights and
21.1 GiB of caches are held all the time.

`configs/benchmarks.py:gpqa_diamond,runlocal` runs a random model of the same
architecture on made-up problems on a CPU, in about a minute.
"""

import ml_collections

from configs import common
from inference_scaling import names, spec

LETTERS = (names.GPQA, names.MMLU_PRO)
POLICIES = {
  "mathematics": "Qwen/Qwen2.5-Math-1.5B-Instruct",
  "letters": "Qwen/Qwen2.5-1.5B-Instruct",
}
SYSTEMS = {
  "mathematics": (
    "Please reason step by step, and put your final answer within \\boxed{}."
  ),
  "letters": (
    "Reason step by step. Close with a line 'The answer is: (X)', where X is "
    "the letter of the right option."
  ),
}
# Samples of a problem, by the size of the test set.
SAMPLES: dict[str, int] = {
  "aime24": 64, "aime25": 64, "amc23": 64, "math500": 8, names.GPQA: 8
}  # fmt: skip
FEW_SAMPLES = 4
# Of those with long questions; the others have 1024.
PROMPT_TOKENS: dict[str, int] = dict.fromkeys(
  ("math", "math_train", "minerva", "olympiadbench", *LETTERS), 2048
)
CONTEXT = 4096  # of the policy for mathematics


def get_config(arg: str = "aime25") -> ml_collections.ConfigDict:
  """Makes the config of a benchmark; ",runlocal" shrinks it."""
  choices = dict.fromkeys(("aime25", *names.BENCHMARKS))  # the default first
  benchmark, local = common.split_argument(arg, choices)
  kind = "letters" if benchmark in LETTERS else "mathematics"
  prompt_tokens = PROMPT_TOKENS.get(benchmark, 1024)
  solution_tokens = CONTEXT - prompt_tokens
  config = spec.complete(
    {
      "task": {"kind": benchmark},
      "policies": {"qwen": POLICIES[kind]},
      "prompt": {"kind": "chat", "system": SYSTEMS[kind]},
      "runs": common.strategies(SAMPLES.get(benchmark, FEW_SAMPLES), ()),
      "sampler": {"temperature": 0.6, "top_p": 0.95},
      # A solution is one step, up to the end of its text.
      "format": {"step_end": ()},
      "limits": {
        "prompt_tokens": prompt_tokens, "step_tokens": solution_tokens,
        "total_tokens": solution_tokens, "max_steps": 1,
      },
      "dtype": "bfloat16",
      "batch_size": 256,
    }
  )  # fmt: skip
  return _shrink(config) if local else config


def _shrink(config: common.Config) -> ml_collections.ConfigDict:
  """Shrinks a sweep to a check that everything runs."""
  with config.unlocked():
    config.task = {"kind": "synthetic", "count": 3, "levels": (1, 2, 3)}
    config.policies = {"qwen": "random/qwen2.5_math_1.5b"}
    config.prompt = {"kind": "plain"}
  config.runs.sampling.n = (4,)
  config.dtype = "float32"
  config.limits.update(prompt_tokens=160, step_tokens=32, total_tokens=32)
  config.batch_size = 4
  return config
