"""Prints what the compiled token loop of a large model does with its caches.

  python -m tests.plan.cut_short llemma_7b v6e:2x4 h200

The model is cut to two layers, so that a target takes a minute: loops over
rows, copies in HBM as large as a layer's keys, and temporary memory of the
program that decodes 64 beams of 4 problems.
"""

import dataclasses
import sys

from inference_scaling.models import sharding
from inference_scaling.plan import meshes, programs, searches, targets
from inference_scaling.plan.hlo import loops, movement

_TEXTS = dict(
  reward="", reward_format="llemma", dtype="bfloat16", cache="dense",
  attention="auto",
)  # fmt: skip
_NUMBERS = dict(
  problems=4, n=64, rows=None, tree_tokens=None, prompt_tokens=512,
  step_tokens=256, total_tokens=1024, max_steps=25, reward_step_tokens=288,
  reward_total_tokens=1280, num_problems=None,
)  # fmt: skip


def describe(policy: str, name: str, layers: int = 2) -> str:
  """Compiles for a target, and says what `advance` does, in a line."""
  target = targets.parse(name)
  work = searches.of_models(_TEXTS | {"policy": policy}, _NUMBERS).workload
  config = dataclasses.replace(work.search.policy, num_layers=layers)
  search = dataclasses.replace(work.search, policy=config)
  work = dataclasses.replace(work, search=search)
  sizes = meshes.choose(work, target)
  work, mesh = meshes.on_mesh(work, target, sizes)
  done = programs.compile_search(work, mesh)
  advance = next(one for one in done if one.name == "advance")
  heads = config.num_kv_heads // mesh.shape[sharding.MODEL]
  rows = work.problems * work.beams // mesh.shape[sharding.DATA]
  layer = rows * heads * config.head_dim * search.limits.text_buffer * 2
  copies = movement.large_copies(advance.module, layer)
  share = advance.memory.temporary / advance.memory.arguments
  return (
    f"{name}: {len(loops.row_loops(advance.module))} loops over rows, "
    f"{len(list(copies))} copies of a layer's keys or more, temporary memory "
    f"{share:.1%} of arguments"
  )


if __name__ == "__main__":
  for target_name in sys.argv[2:]:
    print(describe(sys.argv[1], target_name))
