"""Runs a sweep and reports on it.

  python launch/sweep.py --config=configs/demo.py [--workdir=runs/demo]

Results go to runs/ and the config's name unless --workdir says otherwise. The
same command goes on after a stop. Any number of a config can be changed:
--config.task.count=12, --config.runs.rebase.temperature=0.2. Problems that have
changed since they were recorded are named and refused; --redo_changed computes
them anew.

By several workers, each with its share of this machine, of a Slurm cluster or
of a Ray cluster, into the same folder:

  python launch/sweep.py --config=configs/demo.py --executor=local --workers=2

A model on several hosts: the same command on each, with --distributed and the
mesh of all their devices, --config.mesh.data=2 --config.mesh.model=8. The first
one writes; only it needs the folder of the results.
"""

import functools
import pathlib

from absl import app, flags
from ml_collections import config_flags

from inference_scaling import analysis, launching, sweep
from inference_scaling.sweep import executors

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "The config file of the sweep, such as configs/demo.py."
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None,
  "Folder of the results; by default runs/ and the name of the config.",
)  # fmt: skip
_REDO_CHANGED = flags.DEFINE_bool(
  "redo_changed", False,
  "Drop the records of problems that have changed since, or are gone, and "
  "compute anew what is asked today.",
)  # fmt: skip


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  run = sweep.run_sweep
  if executors.asked():
    run = functools.partial(
      executors.run_sweep, cache=launching.compilation_cache()
    )
  config = launching.read_config(_CONFIG)
  workdir = run(
    config,
    _WORKDIR.value or default_workdir(),
    redo_changed=_REDO_CHANGED.value,
  )
  if not launching.is_lead():
    return
  report = analysis.write_report(workdir)
  print(f"Report:  {report}")
  print(f"Numbers: {report.parent / 'summary.csv'}")
  if (report.parent / "figures").is_dir():  # none where nothing has an answer
    print(f"Figures: {report.parent / 'figures'}")


def default_workdir() -> pathlib.Path:
  """Makes runs/demo for configs/demo.py, runs/demo_x_y for demo.py:x,y."""
  flag = flags.FLAGS["config"]
  path, _, argument = config_flags.get_config_filename(flag).partition(":")
  words = [pathlib.Path(path).stem, *argument.split(",")]
  return pathlib.Path("runs") / "_".join(word for word in words if word)


if __name__ == "__main__":
  launching.require("config")
  launching.run(main, *executors.FLAGS)
