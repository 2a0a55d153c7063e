r"""A real model that writes programs, on a CPU: Qwen2.5-Coder-0.5B on MBPP.

  python launch/sweep.py --config=configs/qwen25_mbpp.py
  python launch/sweep.py --config=configs/qwen25_mbpp.py:examples

Sampling against REBASE on partial programs, as in Table 3 of the paper: zero
shots, and one iteration of REBASE. A first step is the program up to the end of
the line at or after its 24th token, the second one is the rest; where to split
is a choice of this file. There is no reward model: scores are likelihoods of
the program so far.

The first sweep runs the 500 test problems, from the hub or from a file:
--config.task.path=mbpp.jsonl. The second runs ten problems of this repository,
which are not from MBPP but written like it, in six minutes of processor time
([what came out](README.md#programs)): the best of 8 by likelihood solves 6 of
them by sampling and 7 by REBASE. Weights are those of Qwen on the hub
(Apache-2.0) in Q4_K_M; where there is no hub, --config.policies.qwen_0_5b=FILE
takes a file:

  qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
    1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32

Programs run in a sandbox (inference_scaling/tasks/README.md); where none holds,
the sweep is refused.

References:
  Wu et al., "Inference scaling laws", ICLR 2025, Table 3.
"""

import ml_collections

from configs import common
from inference_scaling import spec

POLICY = (
  "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/"
  "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
)
EXAMPLES = "configs/examples/mbpp_examples.jsonl"
SYSTEM = "Answer with one block of Python code and nothing else."


def get_config(arg: str = "hub") -> ml_collections.ConfigDict:
  """Makes the config.

  Args:
    arg: "hub" for MBPP, "examples" for ten problems that are written like it;
      ",runlocal" shrinks either to a check with a random model.

  Returns:
    The config.
  """
  where, local = common.split_argument(arg, ("hub", "examples"))
  config: common.Config = spec.complete(
    {
      "task": {
        "kind": "mbpp", "path": "hub" if where == "hub" else EXAMPLES
      },
      "policies": {"qwen_0_5b": POLICY},
      "prompt": {"kind": "chat", "system": SYSTEM},
      "reward": {"format": "likelihood"},
      "runs": common.strategies(8, (8,)),
      # At temperature 1, as in the paper, policies this small lose the thread.
      "sampler": {"temperature": 0.8},
      "dtype": "auto",
      # A block of code ends with its fence.
      "format": {
        "step_end": ("\n",), "answer_markers": ("\n```\n",), "split_after": 24,
      },
      "limits": {
        # Tests of one problem of MBPP hold long lists.
        "prompt_tokens": 3840 if where == "hub" else 320,
        "step_tokens": 256, "total_tokens": 256, "max_steps": 2,
      },
      "batch_size": 64,
    }
  )  # fmt: skip
  return _shrink(config) if local else config


def _shrink(config: common.Config) -> ml_collections.ConfigDict:
  """Shrinks a sweep to a check that everything runs."""
  config.task.update(path=EXAMPLES, limit=2)
  config.policies.qwen_0_5b = "random/qwen2.5_math_1.5b"
  with config.unlocked():
    config.prompt = {"kind": "plain"}
  for block in config.runs.values():
    if "n" in block:
      block.n = (2,)
  config.format.split_after = 4
  config.limits.update(prompt_tokens=320, step_tokens=24, total_tokens=24)
  config.batch_size = 4
  return config
