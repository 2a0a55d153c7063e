"""When slots stop decoding to be scored, and how many of them at once.

A slot whose beams have all ended their steps is ready: it waits for its scores.
While it waits its rows are computed for nothing; but to stop costs, too. Three
costs are at stake:

- A token costs a pass over all rows, however many of them still write.
- Every stop starts the programs again, and copies rows out of storage and back
  where these are not the storage itself.
- The reward model encodes a whole number of groups of slots, each to the end of
  its longest step, and reads its weights once for every block of its tokens:
  8 on a CPU, see `encode_loop.block_size`.

All slots together (the first line below) waste tokens: each step is as long as
the longest of all. Every slot by itself (the last line) stops for every other
token. The table gives batch utilisation (tokens drawn, of all rows computed),
tokens from stop to stop, and the time of both models together, as a simulation
finds them on the lengths of 240 problems of the embedded test split (REBASE of
the middle policy, 16 beams in 16 slots; a reward model as large as the policy,
slots scored two by two, 8 tokens of a group never cheaper than one of all rows;
a stop that costs 0.3 or 1 tokens):

    slots ready   utilisation   tokens per stop   time at 0.3   at 1
    16            0.69          21                1.00          1.00
     8            0.69          12                1.01          1.03
     4            0.82           5                0.96          1.00
     2            0.87           3                0.98          1.07
     1            0.89           2                1.12          1.27

All 16 scored in one group, rather than two by two, would take 1.12 of the time
of the first line. So a quarter of the slots must be ready. Utilisation is 86%
with 4 beams in 16 slots, 93% with 16 in 4 slots, 88% with 64 in 4 slots.

On accelerators each slot is scored by itself, where its caches lie. A block of
a few rows takes the time in which its weights are read, and fewer rows have
longer blocks. A count like this one without the cost of copies (256 rows, 240
or 560 FLOPs a byte, steps of 30 tokens in the middle, a reward model 1 or 5
times as large as the policy) finds 0.7 to 1.0 of the time of groups of one in
eight with 4 beams or more, but 1.3 to 2.6 with one; for all slots in one group
2 to 7.

Axis letters: P problems in flight, N beams.
"""

import jax

from inference_scaling.models import sharding
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.search import base

# One slot in so many must be ready.
_SHARE = 4
# A group is one slot in so many: 8 tokens of its rows are then as many as all
# rows draw at once, and a row of it is seldom left empty.
_GROUPS = 8


def is_ready(active: jax.Array, live: jax.Array) -> jax.Array:
  """Returns which problems have their steps.

  Args:
    active: bool[P, N], the beams to extend.
    live: bool[P, N], those of them that still write.

  Returns:
    bool[P]; false for problems that are done.
  """
  return active.any(axis=1) & ~live.any(axis=1)


def is_enough(
  active: jax.Array, live: jax.Array, together: bool = False
) -> jax.Array:
  """Returns whether to stop decoding and score the problems that are ready.

  Whoever decodes stops, too, when nothing is live.

  Args:
    active: bool[P, N], the beams to extend.
    live: bool[P, N], those of them that still write.
    together: whether to wait for all; see `in_step`.

  Returns:
    bool[].
  """
  ready = is_ready(active, live).sum()
  searching = active.any(axis=1).sum()
  return ready * (1 if together else _SHARE) >= searching


def in_step(static_part: base.Strategy, mesh: jax.sharding.Mesh | None) -> bool:
  """Returns whether slots must wait for each other after all.

  A look-ahead decodes, too, and all rows with it. And where a mesh splits slots
  they cannot be picked: whatever is done for some of them costs as for all.

  Args:
    static_part: of the strategy.
    mesh: of `models.make_mesh`, or None.

  Returns:
    Whether all slots are scored at once.
  """
  split = mesh is not None and mesh.shape[sharding.DATA] > 1
  return split or static_part.lookahead > 0


def group_size(
  num_slots: int,
  static_part: base.Strategy,
  mesh: jax.sharding.Mesh | None,
  hardware: hardware_lib.Hardware,
) -> int | None:
  """Returns how many slots are scored, or forked, at once.

  Args:
    num_slots: P.
    static_part: as for `in_step`.
    mesh: likewise.
    hardware: that the program is for.

  Returns:
    On a CPU the largest divisor of P that is at most one in eight slots (1 for
    fewer). On accelerators 1: the caches of one problem are a slice and are
    read and written where they lie, those of several would be copied. None for
    all slots.
  """
  if in_step(static_part, mesh):
    return None
  if not hardware.is_cpu:
    return 1
  most = max(1, num_slots // _GROUPS)
  return max(n for n in range(1, most + 1) if num_slots % n == 0)
