"""What must hold of the programs of a search, whatever they are compiled for.

Read from the text of the compiled program, and from XLA's count of memory.
"""

import functools

import pytest

from inference_scaling.models import sharding
from inference_scaling.plan import speed
from inference_scaling.plan.hlo import loops, movement
from tests.plan import small

_MOST_TEMPORARY = 0.1  # of the arguments
_MOST_TRAFFIC = 1.5  # of the floor
STEP_TOKENS = 16


def layer_bytes(target, sizes):
  """Bytes of a policy layer's keys on a device."""
  mesh = small.mesh_of(target, sizes)
  entries = small.SIZES["num_kv_heads"] * small.SIZES["head_dim"]
  rows = small.P * small.N // mesh.shape[sharding.DATA]
  per_device = entries // mesh.shape[sharding.MODEL]
  return rows * per_device * small.LIMITS.text_buffer * 2


def no_loop_over_rows(name, target, sizes):
  """No program writes or reads its rows one after the other."""
  made = {
    one.name: [loop.instruction.op_name for loop in loops.row_loops(one.module)]
    for one in small.compiled(name, target, sizes).values()
  }
  assert not any(made.values()), made


def no_large_copy(name, target, sizes):
  """No program copies, turns or converts as much as a layer's keys."""
  least = layer_bytes(target, sizes)
  if small.WORKLOADS[name].rows is not None:
    least //= small.N  # a beam's: few are active
  made = {
    one.name: [
      (copy.bytes, copy.in_loop, copy.instruction.op_name)
      for copy in movement.large_copies(one.module, least)
    ]
    for one in small.compiled(name, target, sizes).values()
    if one.name != "empty_slots"  # it makes all caches
  }
  assert not any(made.values()), made


def little_temporary(name, target, sizes):
  """Steps take at most a tenth of weights and state beside these."""
  memory = small.compiled(name, target, sizes)["advance"].memory
  assert memory.temporary <= _MOST_TEMPORARY * memory.arguments, memory


def state_in_place(name, target, sizes):
  """Steps, and a new problem, are written where the state is."""
  done = small.compiled(name, target, sizes)
  state = done["empty_slots"].memory.output
  for program in ("advance", "replace_slot"):
    memory = done[program].memory
    assert memory.alias == pytest.approx(state, rel=0.01), (program, memory)
    assert memory.output - memory.alias <= 0.01 * state, (program, memory)


def little_traffic(name, target, sizes):
  """A generated token moves little more than weights and caches once."""
  work, mesh = small.WORKLOADS[name], small.mesh_of(target, sizes)
  advance = small.compiled(name, target, sizes)["advance"]
  generated = speed.phases(work, mesh, advance, STEP_TOKENS)[0]
  assert generated.name == speed.GENERATED
  assert generated.ratio <= _MOST_TRAFFIC, generated


PROPERTIES = (
  little_temporary, little_traffic, no_large_copy, no_loop_over_rows,
  state_in_place,
)  # fmt: skip

# What the engine does not keep yet, and why. Take a line out to turn it on: a
# test that passes although it stands here fails.
KNOWN: dict[tuple[str, str, str], str] = {
  ("little_temporary", "tree", "v5p:2x2x1"): "paths are gathered to rows",
  ("little_temporary", "tree", "h200:1"): "paths are gathered to rows",
  ("no_large_copy", "tree", "v5p:2x2x1"): "gathered paths are laid out anew",
  ("little_temporary", "reward", "h200:8"): "what a block takes, at 2 layers",
}


def cases(*programs):
  """Parameters: each property of each (name, target, mesh or None)."""
  made = []
  for name, target, sizes in programs:
    for check in PROPERTIES:
      reason = KNOWN.get((check.__name__, name, target))
      marks = [pytest.mark.slow]
      if reason:
        marks.append(pytest.mark.xfail(strict=True, reason=reason))
      label = f"{check.__name__}-{name}-{target}"
      run = functools.partial(check, name, target, sizes)
      made.append(pytest.param(run, id=label, marks=marks))
  return made
