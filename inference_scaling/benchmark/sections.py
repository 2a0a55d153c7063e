"""The whole benchmark: sections in turn, one table."""

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import jax

from inference_scaling.benchmark import (
  child,
  engines,
  subjects,
  table,
  timing,
)
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import (
  compilation,
  decoding,
  loading,
  machine,
  memory,
  parity,
  queueing,
  sampling,
  search,
  utilisation,
)

_PACKAGES = ("jax", "jaxlib", "flax", "numpy")
RIVALS = tuple(engines.ENGINES)
_RIVAL_PACKAGES = (
  "ctranslate2", "llama-cpp-python", "openvino-genai", "optimum-intel", "torch",
  "transformers",
)  # fmt: skip
_WARM_STARTS = 3


@dataclasses.dataclass(frozen=True)
class Options:
  """The options of the benchmark.

  Attributes:
    subject: the models, as `subjects.subject` takes them.
    work: how much the end-to-end sections draw.
    rows: batch sizes of the section on decoding.
    dtypes: of weights.
    repeats: rounds.
    rivals: names of other engines that do the same work, of `RIVALS`.
    sections: of `SECTIONS`, the ones to run.
    problems: of the embedded test set.
    probe: sizes of what measures the machine; None for the defaults.
  """

  subject: str = "embedded"
  work: work_lib.Work = dataclasses.field(default_factory=work_lib.Work)
  rows: Sequence[int] = decoding.ROWS
  dtypes: Sequence[str] = machine.DTYPES
  repeats: int = 5
  rivals: Sequence[str] = RIVALS
  sections: Sequence[str] = ()
  problems: int = 240
  probe: machine.Probe | None = None


def run(options: Options, say: Callable[[str], None]) -> list[table.Row]:
  """Runs the chosen sections, all where none is named.

  Args:
    options: what is measured.
    say: takes a line about the progress.

  Returns:
    Rows of the table.

  Raises:
    ValueError: on an option that is not allowed.
    FileNotFoundError: where a model is missing.
  """
  wanted = options.sections or _default(options.subject)
  unknown = sorted(set(wanted) - set(SECTIONS))
  if unknown:
    raise ValueError(
      f"--only names {', '.join(map(repr, unknown))}; expected some of "
      f"{', '.join(SECTIONS)}."
    )
  others = sorted(set(options.rivals) - set(RIVALS))
  if others:
    raise ValueError(
      f"--rivals names {', '.join(map(repr, others))}; expected some of "
      f"{', '.join(RIVALS)}."
    )
  if options.repeats < 1:
    raise ValueError(f"--repeats is {options.repeats}; expected at least 1.")
  subject = subjects.subject(options.subject)
  rows = []
  for name, section in SECTIONS.items():
    if name in wanted:
      say(f"{name} ...")
      section_rows = section(options, subject)
      say(table.render(section_rows) + "\n")
      rows += section_rows
  return rows


def _default(subject: str) -> tuple[str, ...]:
  """All sections; random weights cannot be held to anything."""
  random = subject == "llemma_7b"
  return tuple(name for name in SECTIONS if not (random and name == "parity"))


def setting(options: Options) -> dict[str, Any]:
  """Describes the machine and the packages of the benchmark.

  Args:
    options: what was measured.

  Returns:
    JSON data.
  """
  packages = [*_PACKAGES]
  if options.rivals:
    packages += _RIVAL_PACKAGES
  versions = {}
  for name in packages:
    try:
      versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      versions[name] = None
  return {
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "options": dataclasses.asdict(options),
    "device": jax.devices()[0].device_kind,
    "platform": platform.platform(),
    "cores": os.cpu_count(),
    "versions": versions,
  }


def headline(options: Options) -> str:
  """Describes the table in a line."""
  name = subjects.subject(options.subject).name
  return (
    f"{name} on {jax.devices()[0].device_kind}, {os.cpu_count()} "
    f"cores, jax {jax.__version__}; {options.work}; medians of "
    f"{options.repeats} rounds in which all tasks take turns"
  )


def _task(options: Options, dtype: str) -> child.Task:
  return child.Task(
    "sampling", options.subject, dtype, dataclasses.asdict(options.work),
  )  # fmt: skip


def _first_result(
  options: Options, subject: subjects.Subject
) -> list[table.Row]:
  del subject
  task = _task(options, options.dtypes[-1])
  return compilation.first_results(task, min(options.repeats, _WARM_STARTS))


def _memory(options: Options, subject: subjects.Subject) -> list[table.Row]:
  with tempfile.TemporaryDirectory() as folder:
    task = dataclasses.replace(_task(options, options.dtypes[-1]), cache=folder)
    return memory.measure(subject, task)


def _decoding(options: Options, subject: subjects.Subject) -> list[table.Row]:
  """Decoding, with the machine's rates in the same rounds."""
  subjects.check_device(options.subject)
  probe = options.probe or machine.default_probe()
  programs = decoding.Decoding(
    subject, options.work, options.rows, options.dtypes
  )
  tasks = probe.tasks() | programs.tasks()
  times = timing.interleave(tasks, options.repeats)
  rates = probe.rates(times)
  return machine.rows(rates) + programs.describe(times, rates)


def _machine(options: Options, subject: subjects.Subject) -> list[table.Row]:
  """The machine alone; the section on decoding measures it, too."""
  del subject
  if "decoding" in (options.sections or SECTIONS):
    return []
  probe = options.probe or machine.default_probe()
  times = timing.interleave(probe.tasks(), options.repeats)
  return machine.rows(probe.rates(times))


def _parity(options: Options, subject: subjects.Subject) -> list[table.Row]:
  return parity.measure(subject, options.work)


def _sampling(options: Options, subject: subjects.Subject) -> list[table.Row]:
  subjects.check_device(options.subject)
  with tempfile.TemporaryDirectory() as folder:
    programs = sampling.Sampling(
      subject, options.work, options.dtypes, options.rivals,
      pathlib.Path(folder),
    )  # fmt: skip
    return programs.run(options.repeats)


def _search(options: Options, subject: subjects.Subject) -> list[table.Row]:
  subjects.check_device(options.subject)
  with tempfile.TemporaryDirectory() as folder:
    return search.measure(
      subject, options.work, options.dtypes, options.repeats,
      pathlib.Path(folder) if engines.SEARCHES in options.rivals else None,
    )  # fmt: skip


def _queue(options: Options, subject: subjects.Subject) -> list[table.Row]:
  subjects.check_device(options.subject)
  return queueing.measure(
    subject, options.work, options.dtypes[-1], options.repeats
  )


def _utilisation(
  options: Options, subject: subjects.Subject
) -> list[table.Row]:
  del subject
  return utilisation.measure(options.problems, options.repeats)


def _loading(options: Options, subject: subjects.Subject) -> list[table.Row]:
  del subject
  return loading.measure(options.repeats)


# Separate processes come first: later ones would share an accelerator.
SECTIONS = {
  "first_result": _first_result,
  "memory": _memory,
  "loading": _loading,
  "parity": _parity,
  "machine": _machine,
  "decoding": _decoding,
  "sampling": _sampling,
  "search": _search,
  "queue": _queue,
  "utilisation": _utilisation,
}
