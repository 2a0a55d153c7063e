"""Where the time of a trace went, by the named scopes of this package."""

import collections
import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import jax

from inference_scaling.profiling import hlo_names

# Named scopes. One may be inside another: then both names are the phase.
SCOPES = (
  "policy_prefill", "policy_extend", "policy_read", "reward_prefill",
  "reward_score", "translate", "fork", "gather_paths", "store_tokens",
  "attention", "mlp", "unembed", "sample",
)  # fmt: skip
_OTHER = "other"


@dataclasses.dataclass(frozen=True)
class Phase:
  """The time of a phase.

  Attributes:
    name: its scope.
    seconds: of its operations together, on all threads or streams.
    operations: how often one ran.
    slowest: the operations that took longest, by the end of their paths, and
      their seconds.
  """

  name: str
  seconds: float
  operations: int
  slowest: Sequence[tuple[str, float]]


@contextlib.contextmanager
def trace(folder: str | pathlib.Path) -> Iterator[None]:
  """Writes a trace of what runs within a `with` block.

  Args:
    folder: where to; made where missing.

  Raises:
    NotADirectoryError: where the folder is a file; told before anything runs.
  """
  if pathlib.Path(folder).is_file():
    raise NotADirectoryError(
      f"{folder} is a file; expected a folder for a trace. Give --profile "
      "another name."
    )
  options = jax.profiler.ProfileOptions()
  options.python_tracer_level = 0  # calls of Python would bury the rest
  jax.profiler.start_trace(str(folder), profiler_options=options)
  try:
    yield
  finally:
    jax.profiler.stop_trace()


@contextlib.contextmanager
def report(
  folder: str | pathlib.Path, say: Callable[[str], None] = print
) -> Iterator[None]:
  """Writes a trace of a `with` block, and prints the time of its phases.

  Args:
    folder: as for `trace`.
    say: takes the text.

  Raises:
    NotADirectoryError: as `trace`.
  """
  with trace(folder):
    yield
  path = newest(folder)
  say(f"\nTrace: {path}\n\n{render(phases(path))}")


def newest(folder: str | pathlib.Path) -> pathlib.Path:
  """Finds the newest trace in a folder.

  Args:
    folder: as `trace` was given.

  Returns:
    Its .xplane.pb file.

  Raises:
    FileNotFoundError: where there is none.
  """
  traces = sorted(
    pathlib.Path(folder).glob("plugins/profile/*/*.xplane.pb"),
    key=lambda path: path.stat().st_mtime,
  )
  if not traces:
    raise FileNotFoundError(
      f"there is no trace in {folder}; expected plugins/profile/*/*.xplane.pb "
      "in it. Make one by --profile."
    )
  return traces[-1]


def phases(path: pathlib.Path) -> list[Phase]:
  """Sums the times of a trace by phase.

  Args:
    path: of an .xplane.pb file.

  Returns:
    The phases that have operations, the longest first.
  """
  scopes = hlo_names.scopes(path.read_bytes())
  seconds: dict[str, float] = collections.defaultdict(float)
  operations: collections.Counter[str] = collections.Counter()
  parts: dict[str, dict[str, float]] = collections.defaultdict(
    lambda: collections.defaultdict(float)
  )
  for program, name, time in _operations(path):
    scope = scopes.get(program, {}).get(name, "")
    if scope is None:  # what it runs is in the trace, too
      continue
    phase = phase_of(scope)
    seconds[phase] += time
    operations[phase] += 1
    parts[phase][_ending(scope)] += time
  return [
    Phase(name, time, operations[name], _longest(parts[name])[:3])
    for name, time in _longest(seconds)
  ]


def _longest(seconds: dict[str, float]) -> list[tuple[str, float]]:
  """Names and seconds, the longest first."""
  return sorted(seconds.items(), key=lambda item: item[1], reverse=True)


def phase_of(scope: str) -> str:
  """Names the phase of an operation.

  Args:
    scope: its path, such as "jit(step)/policy_extend/while/body/sample/add".

  Returns:
    The `SCOPES` in the path, such as "policy_extend/sample"; or "other".
  """
  names = [name for name in scope.split("/") if name in SCOPES]
  return "/".join(dict.fromkeys(names)) or _OTHER


def render(phases: Sequence[Phase]) -> str:
  """Writes phases as a table in Markdown.

  Args:
    phases: of a trace.

  Returns:
    The table.
  """
  total = sum(phase.seconds for phase in phases) or 1.0
  lines = [
    "| phase | seconds | share, % | operations | longest |",
    "|---|--:|--:|--:|---|",
  ]
  for phase in phases:
    longest = ", ".join(
      f"{name} {100 * time / total:.0f}%" for name, time in phase.slowest
    )
    lines.append(
      f"| {phase.name} | {phase.seconds:.3f} | "
      f"{100 * phase.seconds / total:.1f} | {phase.operations:,} | {longest} |"
    )
  return "\n".join(lines)


def _operations(
  path: pathlib.Path,
) -> Iterator[tuple[tuple[str, str], str, float]]:
  """Program, operation and seconds of each event that is one."""
  for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
    for line in plane.lines:
      for event in line.events:
        stats = dict(event.stats)
        if "hlo_op" not in stats or event.name.startswith("end: "):
          continue
        program = (
          str(stats.get("hlo_module", "")), str(stats.get("program_id", ""))
        )  # fmt: skip
        yield program, str(stats["hlo_op"]), event.duration_ns / 1e9


def _ending(scope: str) -> str:
  """The last part of a path: what the operation is."""
  return scope.rpartition("/")[2] or "unnamed"
