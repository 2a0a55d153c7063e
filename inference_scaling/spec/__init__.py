"""What a sweep is, as types: checked before any model is loaded.

A config file states what differs from the defaults; `read_sweep` makes a
`Sweep` of it. Nothing here imports JAX.
"""

from inference_scaling.spec.checking.messages import read
from inference_scaling.spec.checking.old_names import renew
from inference_scaling.spec.grid import Run, by_cost, expand
from inference_scaling.spec.growth import (
  PLACING,
  changes,
  differences,
  maker_of,
  moves,
)
from inference_scaling.spec.prompt import PROMPTS
from inference_scaling.spec.reader import (
  check_reward,
  check_steps,
  complete,
  read_sweep,
)
from inference_scaling.spec.reward import REWARDS, Reward
from inference_scaling.spec.strategy import (
  STRATEGIES,
  Block,
  block_of,
  is_greedy,
  kind_of,
  read_hyperparameters,
)
from inference_scaling.spec.sweep import (
  Confidence,
  Limits,
  Sampler,
  Speculative,
  Sweep,
  to_json,
)
from inference_scaling.spec.task import TASKS, Task
from inference_scaling.spec.thinking import Thinking

__all__ = [
  "PLACING",
  "PROMPTS",
  "REWARDS",
  "STRATEGIES",
  "TASKS",
  "Block",
  "Confidence",
  "Limits",
  "Reward",
  "Run",
  "Sampler",
  "Speculative",
  "Sweep",
  "Task",
  "Thinking",
  "block_of",
  "by_cost",
  "changes",
  "check_reward",
  "check_steps",
  "complete",
  "differences",
  "expand",
  "is_greedy",
  "kind_of",
  "maker_of",
  "moves",
  "read",
  "read_hyperparameters",
  "read_sweep",
  "renew",
  "to_json",
]
