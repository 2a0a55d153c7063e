"""What the configs share: the embedded models' sweep and those of the paper.

A config states what differs from the defaults (`inference_scaling.spec`), and
`spec.complete` adds these, so that a flag can change every key.

References:
  Wu et al., "Inference scaling laws", ICLR 2025, section 4.1 and Appendix A.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import ml_collections

from inference_scaling import spec

# An ml_collections.ConfigDict: no type says which of its values are groups.
Config = Any
LOCAL = "runlocal"
# Fine-tuned policies write "Step 1: ... ки" and close with the answer.
STEP_FORMAT = {"step_end": (" ки",), "answer_markers": ("The answer is",)}
# What the thinking embedded policy writes around its thinking.
THINKING = {
  "open": "<think>\n", "close": "</think>", "end": "\n</think>",
  "wait": "Wait\n",
}  # fmt: skip
# Fine-tuned by the authors on Math-Shepherd, read at " ки".
REWARD_MODEL = "tkitsers/Llemma-reward-model"
# Most tokens of a prompt of each benchmark, by any of the tokenizers, with a
# margin.
BENCHMARKS = {"math500": 1024, "gsm8k": 384}


def split_argument(
  arg: str, choices: Iterable[str] = ("",)
) -> tuple[str, bool]:
  """Reads a config's argument: one of its choices, and perhaps ",runlocal".

  Args:
    arg: as given on the command line.
    choices: what may be chosen; the first is the default, "" for none.

  Returns:
    The choice, and whether to shrink the sweep to a check on a CPU.

  Raises:
    ValueError: on anything else.
  """
  words = [word for word in arg.split(",") if word]
  local = LOCAL in words
  rest = [word for word in words if word != LOCAL] or [next(iter(choices))]
  if len(rest) > 1 or rest[0] not in choices:
    named = ", ".join(
      repr(choice) if choice else "nothing" for choice in choices
    )
    raise ValueError(
      f"argument is {arg!r}; expected {named}, and {LOCAL!r} alone or behind a "
      "comma for a check on a CPU."
    )
  return rest[0], local


def embedded_sweep(
  policies: Iterable[str],
  count: int,
  runs: Mapping[str, Mapping[str, Any]],
  batch_size: int,
  reward: Mapping[str, str] | None = None,
  **more: Any,
) -> ml_collections.ConfigDict:
  """Makes a sweep of the embedded models over their benchmark's test split.

  Args:
    policies: "small", "middle", "large".
    count: of problems.
    runs: blocks of runs.
    batch_size: beams that are decoded at once, of all problems.
    reward: `config.reward`; the embedded reward model by default.
    **more: further keys of the config.

  Returns:
    The config.
  """
  return spec.complete(
    {
      "task": {"kind": "synthetic", "count": count},
      "policies": {name: f"embedded/policy_{name}" for name in policies},
      "reward": reward or {"format": "native", "source": "embedded/reward"},
      "runs": runs,
      "format": STEP_FORMAT,
      "limits": {
        "prompt_tokens": 112, "step_tokens": 32, "total_tokens": 128,
        "max_steps": 8,
      },
      "batch_size": batch_size,
      **more,
    }
  )  # fmt: skip


def shrink(config: Config) -> ml_collections.ConfigDict:
  """Shrinks a sweep of small models to a check that everything runs.

  Args:
    config: of `embedded_sweep`; it is changed.

  Returns:
    The config, of 6 problems and n = 4.
  """
  config.task.count = 6
  for block in config.runs.values():
    if "n" in block:
      block.n = (4,)
  config.batch_size = 16
  return config


def paper_sweep(
  benchmark: str,
  policies: Mapping[str, str],
  runs: Mapping[str, Mapping[str, Any]],
  batch_size: int,
  reward_tokens: tuple[int, int] = (288, 1280),
) -> ml_collections.ConfigDict:
  """Makes the config of one of the paper's sweeps, for 8 devices.

  Args:
    benchmark: "math500" or "gsm8k".
    policies: sources by name.
    runs: blocks of runs.
    batch_size: beams that are decoded at once; memory bounds it, see
      launch/plan.py.
    reward_tokens: most tokens of a step and of a solution in the reward model.
      Tags and numbers of steps come on top of the policy's 256 and 1024; of a
      larger vocabulary than Llama 2's each token may be several.

  Returns:
    The config: temperature 1, at most 256 tokens a step and 1024 in all, as by
    default, and the Llemma-34B reward model.
  """
  prompt_tokens = BENCHMARKS[benchmark]
  return spec.complete(
    {
      "task": {"kind": benchmark},
      "policies": policies,
      "reward": {
        "format": "llemma", "source": REWARD_MODEL,
        "prompt_tokens": prompt_tokens, "step_tokens": reward_tokens[0],
        "total_tokens": reward_tokens[1],
      },
      "dtype": "bfloat16",
      "mesh": {"data": 1, "model": 8},
      "runs": runs,
      "format": STEP_FORMAT,
      "limits": {"prompt_tokens": prompt_tokens},
      "batch_size": batch_size,
    }
  )  # fmt: skip


def strategies(
  samples: int, beams: tuple[int, ...], **block: Any
) -> dict[str, dict[str, Any]]:
  """Blocks of runs: greedy, sampling and REBASE, with one seed.

  Args:
    samples: drawn once; every smaller n is estimated from subsets.
    beams: of REBASE, which is run for each n.
    **block: what each block holds, too, such as policies.

  Returns:
    `config.runs`.
  """
  blocks = {
    "greedy": {"strategy": "greedy", **block},
    "sampling": {"strategy": "sampling", "n": (samples,), **block},
  }
  if beams:
    blocks["rebase"] = {"strategy": "rebase", "n": beams, **block}
  return blocks


def thinking_runs(
  budgets: Iterable[int], waits: Iterable[int], n: int, n_waits: int
) -> dict[str, dict[str, Any]]:
  """Makes blocks of sampling with each thinking budget, and with each k.

  Args:
    budgets: most tokens of thinking.
    waits: k, how often "Wait" takes the place of the end of thinking.
    n: samples with a budget.
    n_waits: samples with a k.

  Returns:
    Blocks of runs.
  """
  limits = [("budget", "thinking_tokens", value, n) for value in budgets]
  limits += [("wait", "waits", value, n_waits) for value in waits]
  return {
    f"{word}{value}": {
      "strategy": f"sampling/{word}{value}", "n": (size,), key: value
    }
    for word, key, value, size in limits
  }  # fmt: skip


def mcts(expansions: tuple[int, ...]) -> dict[str, dict[str, Any]]:
  """Blocks of MCTS: 4, 8 or 16 children of the root, 2 of other nodes.

  Args:
    expansions: how many nodes are expanded.

  Returns:
    Further `config.runs`.

  References:
    Wu et al., Appendix B.
  """
  return {
    f"mcts_root{root}": {
      "strategy": f"mcts/root{root}", "n": expansions, "root_children": root,
    }
    for root in (4, 8, 16)
  }  # fmt: skip


def shrink_models(
  config: Config, policies: Mapping[str, str], reward: str
) -> ml_collections.ConfigDict:
  """Shrinks a paper's sweep to a check that runs on a CPU in a minute.

  Random models of the same architectures, a few synthetic problems and few
  beams; what they answer means nothing.

  Args:
    config: of `paper_sweep`; it is changed.
    policies: sources of small models, by name.
    reward: source of a small reward model.

  Returns:
    The config.
  """
  with config.unlocked():
    config.task = {"kind": "synthetic", "count": 3, "levels": (1, 2, 3)}
    config.policies = dict(policies)
    config.mesh = {"data": 1, "model": 1}
  config.reward.update(
    source=reward, prompt_tokens=160, step_tokens=64, total_tokens=192
  )
  config.dtype = "float32"
  config.limits.update(
    prompt_tokens=160, step_tokens=12, total_tokens=32, max_steps=4
  )
  for block in config.runs.values():
    if "n" in block:
      block.n = (4,)
  config.batch_size = 8
  return config
