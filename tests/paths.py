"""Prints which functions a config and a record pass, from launcher to report.

  python -m tests.paths

A small sweep is run and reported on; a function is listed, with its file, where
one of its arguments is a config (an ml_collections.ConfigDict or `spec.Sweep`)
or a record (as the sweep writes it or the analysis reads it), in the order of
the first calls.
"""

import contextlib
import io
import pathlib
import sys
import tempfile

import ml_collections

from inference_scaling import analysis, spec, sweep
from inference_scaling.analysis.records import load
from inference_scaling.spec import record as record_lib

PACKAGE = pathlib.Path(analysis.__file__).parents[1]
CONFIG = {
  "task": {"kind": "synthetic", "count": 2},
  "policies": {"small": "embedded/policy_small"},
  "reward": {"format": "native", "source": "embedded/reward"},
  "format": {"step_end": (" ки",), "answer_markers": ("The answer is",)},
  "limits": {
    "prompt_tokens": 320, "step_tokens": 32, "total_tokens": 128,
    "max_steps": 8,
  },
  "runs": {"rebase": {"strategy": "rebase", "n": (2,), "seeds": (0,)}},
}  # fmt: skip


def main() -> None:
  """Runs the sweep, writes the report and prints both lists."""
  passed: dict[str, dict[str, None]] = {"config": {}, "record": {}}

  def look(frame, event, _):
    if event != "call" or PACKAGE not in _path(frame).parents:
      return
    where = _path(frame).relative_to(PACKAGE).as_posix()
    name = f"{where}: {frame.f_code.co_qualname}"
    code = frame.f_code
    for argument in code.co_varnames[: code.co_argcount]:
      kind = _kind(frame.f_locals.get(argument))
      if kind and "<" not in frame.f_code.co_name:
        passed[kind][name] = None

  with tempfile.TemporaryDirectory() as folder:
    with contextlib.redirect_stdout(io.StringIO()):
      sys.setprofile(look)
      try:
        config = ml_collections.ConfigDict(CONFIG)
        workdir = sweep.run_sweep(config, pathlib.Path(folder) / "sweep")
        analysis.write_report(workdir)
      finally:
        sys.setprofile(None)
  for kind, names in passed.items():
    files = {name.partition(":")[0] for name in names}
    print(f"A {kind} passes {len(names)} functions in {len(files)} files:")
    print(*names, sep="\n", end="\n\n")


def _path(frame) -> pathlib.Path:
  return pathlib.Path(frame.f_code.co_filename)


def _kind(value: object) -> str | None:
  """What an argument is."""
  if isinstance(value, (ml_collections.ConfigDict, spec.Sweep)):
    return "config"
  if isinstance(value, (record_lib.Record, load.Record)):
    return "record"
  if isinstance(value, dict) and {"candidates", "votes"} <= value.keys():
    return "record"
  return None


if __name__ == "__main__":
  main()
