"""Sizes of the search of a run: its beams, rows and problems in flight."""

import dataclasses

from inference_scaling import spec
from inference_scaling.spec import grid
from inference_scaling.sweep import strategies


def shape(
  run: grid.Run, max_steps: int, rows_per_problem: int | None = None
) -> strategies.Shape:
  """Sizes of the search of a run.

  Args:
    run: the run.
    max_steps: most steps of a solution.
    rows_per_problem: most rows that a problem may have; None for as many as the
      strategy can use.

  Returns:
    The Shape.
  """
  sizes = strategies.shape(run.strategy, run.n, run.hyperparameters, max_steps)
  if rows_per_problem is None:
    return sizes
  rows = min(sizes.num_rows, rows_per_problem)
  return dataclasses.replace(sizes, num_rows=rows)


def num_slots(sweep: spec.Sweep, run: grid.Run, num_problems: int) -> int:
  """Problems of a run that are in flight, however many of it are left.

  Args:
    sweep: that the run is of.
    run: the run.
    num_problems: of the sweep.

  Returns:
    P.
  """
  steps = spec.REWARDS[sweep.reward.format].has_steps
  rows = sweep.rows_per_problem or None
  sizes = shape(run, sweep.limits.max_steps if steps else 1, rows)
  beams = sizes.num_rows if rows else sizes.num_beams
  return slots(sweep.batch_size, beams, num_problems, sweep.mesh.data)


def slots(batch_size: int, n: int, num_problems: int, data: int = 1) -> int:
  """Problems in flight, P, so that P * N rows are about constant.

  It does not depend on how many problems are left after a resume: P is a shape
  of the program, and with one P records are the same to the bit.

  Args:
    batch_size: rows wished for.
    n: N.
    num_problems: of the whole run.
    data: size of the mesh axis that the slots are split over.

  Returns:
    At least 1, at most `num_problems`, rounded up to a multiple of `data`.
  """
  wanted = max(1, min(batch_size // n, num_problems))
  return -(-wanted // data) * data
