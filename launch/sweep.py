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

import pathlib

from absl import app, flags
from ml_collections import config_flags

from inference_scaling import analysis, launching, sweep
from inference_scaling.sweep import executors, tracking

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "The config file of the sweep, such as configs/demo.py."
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None,
  "Folder of the results, or an address such as s3://bucket/folder; by default "
  "runs/ and the name of the config.",
)  # fmt: skip
_REDO_CHANGED = flags.DEFINE_bool(
  "redo_changed", False,
  "Drop the records of problems that have changed since, or are gone, and "
  "compute anew what is asked today.",
)  # fmt: skip

_TRACK = flags.DEFINE_enum(
  "track", None, tracking.KINDS,
  "Send accuracy, cost and speed of each run as it grows to a tracker.",
)  # fmt: skip
_PRICE_PER_HOUR = flags.DEFINE_float(
  "price_per_hour", None,
  "Dollars that one worker costs an hour: the report then tells costs in "
  "dollars, too.", lower_bound=0.0,
)  # fmt: skip


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  shared = executors.is_shared()
  if shared:
    executors.leave_devices()
  config = launching.read_config(_CONFIG)
  workdir = _WORKDIR.value or default_workdir()
  if not launching.is_lead():
    sweep.run_sweep(config, workdir)
    return
  with (
    executors.open_workdir(workdir, print) as folder,
    tracking.tracked(_TRACK.value, folder.path, print) as track,
  ):

    def see(*made):
      folder.see(*made)
      track(*made)

    options = {"see": see, "redo_changed": _REDO_CHANGED.value}
    if shared:
      cache = launching.compilation_cache()
      executors.run_sweep(config, folder, cache, **options)
    else:
      sweep.run_sweep(config, folder.path, **options)
    report = analysis.write_report(
      folder.path, price_per_hour=_PRICE_PER_HOUR.value
    )
  print(f"Report:  {report} and {report.stem}.html")
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
