"""The settings that all sweeps of the paper share; a config adds its own.

References:
  Wu et al., "Inference scaling laws", ICLR 2025, section 4.1 and Appendix A.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import ml_collections

from inference_scaling import names

# Fine-tuned by the authors on Math-Shepherd, read at " ки".
REWARD_MODEL = "tkitsers/Llemma-reward-model"
# Fine-tuned policies write "Step 1: ... ки" and close with the answer.
STEP_FORMAT = {"step_end": (" ки",), "answer_markers": ("The answer is",)}
# Longest prompt of each benchmark, in tokens of any of the tokenizers, with
# room to spare.
BENCHMARKS = {"math500": 1024, "gsm8k": 384}
LOCAL = "runlocal"


def split_argument(arg: str, choices: Iterable[str]) -> tuple[str, bool]:
  """Reads a config's argument: one of its choices, and perhaps ",runlocal".

  Args:
    arg: as given on the command line.
    choices: what may be chosen; the first is the default.

  Returns:
    The choice, and whether to shrink the sweep to a check on a CPU.

  Raises:
    ValueError: on anything else.
  """
  words = [word for word in arg.split(",") if word]
  local = LOCAL in words
  rest = [word for word in words if word != LOCAL] or [next(iter(choices))]
  if len(rest) > 1 or rest[0] not in choices:
    raise ValueError(
      f"argument is {arg!r}; expected one of {', '.join(choices)}, and "
      f"{LOCAL!r} beside it for a check on a CPU."
    )
  return rest[0], local


def paper_sweep(
  benchmark: str,
  policies: Mapping[str, str],
  runs: Mapping[str, Mapping[str, Any]],
  mesh: Mapping[str, int],
  rows_in_flight: int,
  reward_tokens: tuple[int, int] = (288, 1280),
) -> ml_collections.ConfigDict:
  """Makes the config of one of the paper's sweeps.

  Args:
    benchmark: "math500" or "gsm8k".
    policies: sources by name.
    runs: blocks of runs.
    mesh: devices by axis.
    rows_in_flight: beams in flight; memory bounds it, see launch/plan.py.
    reward_tokens: most tokens of a step and of a solution in the reward model.
      Tags and numbers of steps come on top of the policy's 256 and 1024; of a
      larger vocabulary than Llama 2's each token may be several.

  Returns:
    The config: temperature 1, at most 256 tokens a step and 1024 in all, the
    Llemma-34B reward model.
  """
  config = ml_collections.ConfigDict()
  config.task = {"kind": benchmark, "path": "hub", "limit": 0}
  config.policies = dict(policies)
  config.reward = {
    "form": "llemma",
    "source": REWARD_MODEL,
    "prompt_tokens": BENCHMARKS[benchmark],
    "step_tokens": reward_tokens[0],
    "total_tokens": reward_tokens[1],
  }
  config.dtype = "bfloat16"
  config.mesh = dict(mesh)
  config.prompt = {"kind": "plain"}
  config.runs = {name: dict(block) for name, block in runs.items()}
  config.sampler = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
  config.format = dict(STEP_FORMAT)
  config.limits = {
    "prompt_tokens": BENCHMARKS[benchmark],
    "step_tokens": 256,
    "total_tokens": 1024,
    "max_steps": 25,
  }
  config.aggregations = names.AGGREGATIONS
  config.rows_in_flight = rows_in_flight
  config.rows_per_problem = 0
  config.cache = "dense"
  config.tree_tokens = 0
  return config


def strategies(
  names: tuple[str, ...], samples: int, beams: tuple[int, ...]
) -> dict[str, dict[str, Any]]:
  """Blocks of runs: greedy, sampling and REBASE.

  Args:
    names: of the policies.
    samples: drawn once; every smaller n is estimated from subsets.
    beams: of REBASE, which is run for each n.

  Returns:
    `config.runs`.
  """
  blocks = {
    "greedy": {"strategy": "greedy", "policies": names},
    "sampling": {
      "strategy": "sampling",
      "policies": names,
      "n": (samples,),
      "seeds": (0,),
    },
  }
  if beams:
    blocks["rebase"] = {
      "strategy": "rebase",
      "policies": names,
      "n": beams,
      "seeds": (0,),
      "temperature": 0.1,
      "rule": "ceil",
      "duplicates": "keep",
    }
  return blocks


def mcts(
  names: tuple[str, ...], expansions: tuple[int, ...]
) -> dict[str, dict[str, Any]]:
  """Blocks of MCTS: 4, 8 or 16 children of the root, 2 of other nodes.

  Args:
    names: of the policies.
    expansions: how many nodes are expanded.

  Returns:
    Further `config.runs`.

  References:
    Wu et al., Appendix B.
  """
  return {
    f"mcts_root{root}": {
      "strategy": f"mcts/root{root}",
      "policies": names,
      "n": expansions,
      "seeds": (0,),
      "root_children": root,
      "children": 2,
      "exploration": 1.0,
      "duplicates": "keep",
    }
    for root in (4, 8, 16)
  }


def shrink(
  config: ml_collections.ConfigDict, policies: Mapping[str, str], reward: str
) -> ml_collections.ConfigDict:
  """Shrinks a sweep to a check that everything runs, on a CPU in a minute.

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
    config.task = {
      "kind": "synthetic",
      "split": "test",
      "count": 3,
      "seed": 0,
      "levels": (1, 2, 3),
    }
    config.policies = dict(policies)
    config.reward.source = reward
    config.reward.prompt_tokens = 160
    config.reward.step_tokens = 64
    config.reward.total_tokens = 192
    config.dtype = "float32"
    config.mesh = {"data": 1, "model": 1}
    config.limits = {
      "prompt_tokens": 160,
      "step_tokens": 12,
      "total_tokens": 32,
      "max_steps": 4,
    }
    for block in config.runs.values():
      if block.strategy != "greedy":
        block.n = (4,)
    config.rows_in_flight = 8
  return config
