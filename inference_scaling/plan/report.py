"""What is printed of a search that was compiled for a target."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from inference_scaling import decoding
from inference_scaling import names as names_lib
from inference_scaling.plan import compiled as compiled_lib
from inference_scaling.plan import floor, programs, searches, speed, targets
from inference_scaling.plan import meshes as meshes_lib
from inference_scaling.plan import workload as workload_lib

_GIB = 2**30
# Flags that say something of programs that are compiled.
_OF_TARGETS = (
  "num_problems", "mean_tokens", "mean_step_tokens", "all_buckets",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
  """What is asked of a report.

  Attributes:
    meshes: data and model, each of which is tried; none for the sweep's where
      the target has it, or as `meshes.choose`.
    all_buckets: whether programs of all sizes of buffers are compiled.
    mean_tokens: of a text; None for as many as the limit allows.
    step_tokens: of a step, on average; None for the limit.
  """

  meshes: Sequence[meshes_lib.Sizes] = ()
  all_buckets: bool = False
  mean_tokens: int | None = None
  step_tokens: int | None = None


def compile_for(
  names: Sequence[str],
  config: Any,
  texts: Mapping[str, str],
  numbers: Mapping[str, int | None],
  options: Options,
  say: programs.Say,
) -> None:
  """Compiles the searches of a sweep, or of two models, for some targets.

  Args:
    names: of the targets.
    config: of the sweep; None for the search of two models.
    texts: of these, as of `searches.of_models`.
    numbers: likewise; num_problems is of a sweep, too.
    options: what else is asked.
    say: takes lines about what comes out.

  Raises:
    ValueError: for a target, a mesh, a dtype or a config that cannot be, or
      without the compilers.
    OSError: for a file that is missing.
  """
  wanted = [targets.parse(name) for name in names]
  for target in wanted:
    targets.devices(target)
  if config is None:
    groups = [searches.of_models(texts, numbers)]
  else:
    groups = searches.of_sweep(config, numbers["num_problems"])
  searches_of = [
    [(group, _meshes(group, target, options)) for group in groups]
    for target in wanted
  ]  # all of them before the first, since to compile takes minutes
  for target, listed in zip(wanted, searches_of, strict=True):
    total: float | None = 0.0
    for group, meshes in listed:
      for sizes in meshes:
        taken = report(group, target, sizes, options, say)
        total = None if taken is None or total is None else total + taken
    if total is not None and len(groups) > 1:
      say(f"{target.name}: the sweep takes at least {total / 3600:.1f} hours")


def report(
  group: searches.Group,
  target: targets.Target,
  sizes: meshes_lib.Sizes,
  options: Options,
  say: programs.Say,
) -> float | None:
  """Compiles the programs of a search, and says what comes out.

  Args:
    group: the search.
    target: what it is compiled for.
    sizes: of data and model.
    options: what else is asked.
    say: takes lines.

  Returns:
    A bound on the seconds of all runs of the group, where their problems are
    known and all fits.
  """
  work, mesh = meshes_lib.on_mesh(group.workload, target, sizes)
  say("")
  say(
    f"{work.name}: N = {work.beams}, P = {work.problems}, {work.search.dtype}, "
    f"on {target.name}, mesh data,model = {sizes[0]},{sizes[1]}"
  )
  planned = meshes_lib.planned_peak(work, sizes)
  try:
    done = programs.compile_search(work, mesh, options.all_buckets)
  except compiled_lib.OutOfMemoryError as error:
    say(f"  {error.program} does not fit: {error}")
    say(f"  plan from shapes: peak {planned / _GIB:.2f} GiB")
    say(_what_fits(work, target, planned))
    return None
  fits = _say_memory(done, work, target, planned, say)
  step_tokens = options.step_tokens or work.search.limits.step_tokens
  advance = next(one for one in done if one.name == "advance")
  phases = speed.phases(work, mesh, advance, step_tokens)
  for line in _speed_table(phases, target):
    say(line)
  if advance.xla_bytes:
    say(
      f"  XLA's own count of advance, each loop once and on the chip, too: "
      f"{advance.xla_bytes / 1e9:.2f} GB"
    )
  if options.all_buckets:
    total = sum(one.seconds for one in done)
    say(f"  {len(done)} programs, compiled in {total:.0f} s")
  if not fits or group.num_problems is None:
    return None
  mean_tokens = options.mean_tokens or work.search.limits.total_tokens
  seconds = group.num_runs * speed.seconds(
    work, mesh, target.chip, phases, group.num_problems,
    group.passes(mean_tokens, step_tokens), step_tokens,
  )  # fmt: skip
  say(
    f"  at least {seconds / 3600:.2f} hours for {group.num_runs} "
    f"run{'s' * (group.num_runs > 1)} over {group.num_problems} problems"
  )
  return seconds


def _say_memory(
  done: Sequence[compiled_lib.Compiled],
  work: workload_lib.Workload,
  target: targets.Target,
  planned: int,
  say: programs.Say,
) -> bool:
  """Says what memory the programs take; returns whether they fit."""
  for line in _memory_table(done):
    say(line)
  weights, state, peak = compiled_lib.held(done)
  say(
    f"  of the arguments of advance: weights {weights / _GIB:.2f} GiB, caches "
    f"and other state {state / _GIB:.2f} GiB"
  )
  fits = peak <= target.chip.memory
  say(
    f"  peak {peak / _GIB:.2f} of {target.chip.memory / _GIB:.2f} GiB: "
    f"{'fits' if fits else 'does NOT fit'}; plan from shapes: "
    f"{planned / _GIB:.2f} GiB ({planned / peak - 1:+.0%})"
  )
  if not fits:
    say(_what_fits(work, target, planned))
  return fits


def _what_fits(
  work: workload_lib.Workload, target: targets.Target, planned: int
) -> str:
  """Says what would fit in place of a search that does not."""
  return (
    "  what would fit, from shapes: "
    f"{meshes_lib.fitting(work, target, planned)}"
  )


def check_flags(
  names: Sequence[str], values: flags.FlagValues, config: Any, target: Any
) -> None:
  """Refuses flags that would change nothing.

  Args:
    names: of flags.
    values: which of them were given.
    config: of a sweep; None for the search of two models.
    target: names of targets; empty for a plan from shapes.

  Raises:
    ValueError: for the first of them.
  """
  if config is not None and not target:
    raise ValueError("--config is for devices to compile for; add --target.")
  for name in (name for name in names if values[name].present):
    if not target and name in _OF_TARGETS:
      raise ValueError(f"--{name} is for devices to compile for; add --target.")
    if config is not None and name not in _OF_TARGETS:
      raise ValueError(
        f"--{name} is of a search without --config, and would change nothing; "
        "set the key of the sweep, such as --config.dtype=int8."
      )


def _meshes(
  group: searches.Group, target: targets.Target, options: Options
) -> list[meshes_lib.Sizes]:
  """The meshes of a search, before anything is compiled.

  Raises:
    ValueError: for a dtype, a mesh or a length that cannot be.
  """
  _check_dtype(group.workload, target)
  _check_lengths(group.workload.search.limits, options)
  wished: Sequence[meshes_lib.Sizes | None] = options.meshes
  if not wished:
    whole = group.mesh and math.prod(group.mesh) == target.num_devices
    wished = [group.mesh if whole else None]
  meshes = [meshes_lib.choose(group.workload, target, one) for one in wished]
  for sizes in meshes:  # or heads that it would cut show once it compiles
    meshes_lib.planned_peak(group.workload, sizes)
  return meshes


def _check_lengths(limits: decoding.Limits, options: Options) -> None:
  """Refuses means above what the limits allow."""
  for name, value, most in (
    ("mean_tokens", options.mean_tokens, limits.total_tokens),
    ("mean_step_tokens", options.step_tokens, limits.step_tokens),
    ("mean_step_tokens", options.step_tokens, options.mean_tokens),
  ):
    if value is not None and most is not None and value > most:
      raise ValueError(
        f"--{name} is {value}; expected at most {most}, the limit of tokens or "
        "the mean of a whole text."
      )


def _check_dtype(
  workload: workload_lib.Workload, target: targets.Target
) -> None:
  search = workload.search
  dtypes = (search.dtype, search.reward_model_dtype)
  if names_lib.FP8 in dtypes and names_lib.FP8 not in target.chip.flops:
    raise ValueError(
      f"dtype is 'fp8', but {target.chip.name} has no units for it; expected "
      "another. Choose 'int8', which takes the same memory."
    )


def _memory_table(done: Sequence[compiled_lib.Compiled]) -> list[str]:
  """Memory of each program."""
  head = ("", "arguments", "output", "in place", "temporary", "total", "s")
  rows = [
    (
      f"{one.name} {one.bucket}".strip(),
      *(
        f"{size / _GIB:.3f}"
        for size in (
          one.memory.arguments, one.memory.output, one.memory.alias,
          one.memory.temporary, one.memory.total,
        )
      ),
      f"{one.seconds:.1f}",
    )
    for one in done
  ]  # fmt: skip
  title = "  memory by XLA, GiB a device; seconds to compile"
  return [title, *_aligned([head, *rows])]


def _speed_table(
  phases: Sequence[speed.Phase], target: targets.Target
) -> list[str]:
  """What a pass over tokens costs a device, compiled and at the floor."""
  if not phases:
    return ["  no loop over tokens was found in advance"]
  chip = target.chip
  rows: list[tuple[str, ...]] = [
    ("", *(f"{one.name} {kind}" for one in phases for kind in _KINDS)),
  ]

  def row(name: str, *values: str) -> None:
    rows.append((name, *values))

  costs = list(
    itertools.chain.from_iterable((one.compiled, one.floor) for one in phases)
  )
  row("tokens a pass", *(f"{cost.tokens:,}" for cost in costs))
  row("bytes in HBM a token, MB", *(_per(cost, cost.bytes) for cost in costs))
  row("FLOPs a token, M", *(_per(cost, cost.flops) for cost in costs))
  row("sent a token, MB", *(_per(cost, cost.link_bytes) for cost in costs))
  row(
    "exchanges a pass",
    *itertools.chain.from_iterable(
      (f"{one.collectives}", "") for one in phases
    ),
  )
  times = [cost.times(chip) for cost in costs]
  for part in ("memory", "compute", "links"):
    row(f"ms a pass, {part}", *(f"{1e3 * one[part]:.3f}" for one in times))
  row(
    "tokens a second, at most",
    *(f"{cost.tokens / cost.seconds(chip):,.0f}" for cost in costs),
  )
  row(
    "bytes over the floor",
    *itertools.chain.from_iterable((f"{one.ratio:.2f}", "") for one in phases),
  )
  return ["  for each device", *_aligned(rows)]


_KINDS = ("compiled", "floor")


def _per(cost: floor.Cost, value: float) -> str:
  return f"{value / cost.tokens / 1e6:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Lines of a table, the first column to the left."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return [
    "    "
    + "  ".join(
      cell.rjust(width) if index else cell.ljust(width)
      for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ).rstrip()
    for row in rows
  ]
