"""What takes metrics, and how one is chosen."""

import importlib
import pathlib
from collections.abc import Mapping
from typing import Protocol

from inference_scaling.sweep.tracking import services

# Each kind with the package that it needs.
_PACKAGES = {
  "tensorboard": "tensorboardX",
  "wandb": "wandb",
  "trackio": "trackio",
}
KINDS = tuple(_PACKAGES)


class Tracker(Protocol):
  """Takes metrics. Whatever it raises, whoever logs to it goes on without."""

  def log(self, step: int, values: Mapping[str, float]) -> None:
    """Takes the metrics of one step.

    Args:
      step: problems of the run so far; steps of a run rise.
      values: by name, RUN/METRIC, of one run.
    """
    ...

  def close(self) -> None:
    """Ends it; what was logged is then where it belongs."""
    ...


def open_tracker(kind: str, workdir: str | pathlib.Path, name: str) -> Tracker:
  """Makes a tracker; it connects and writes when something is logged.

  Args:
    kind: one of KINDS.
    workdir: folder of the sweep.
    name: of the sweep, for readers.

  Returns:
    The tracker. One of a folder that was tracked before goes on there.

  Raises:
    ValueError: if there is no such kind, its package is missing, or it lacks a
      key.
  """
  if kind not in _PACKAGES:
    raise ValueError(f"tracker {kind!r} is not known; expected one of {KINDS}")
  package = _PACKAGES[kind]
  try:
    module = importlib.import_module(package)
  except ImportError as error:
    raise ValueError(
      f"tracking by {kind} needs the package {package}, which cannot be"
      f" imported ({error}). Install it: pip install {package}"
    ) from error
  workdir = pathlib.Path(workdir)
  if kind == "tensorboard":
    # Imports its package, which only this kind needs.
    from inference_scaling.sweep.tracking import tensorboard

    return tensorboard.TensorBoard(workdir / "tensorboard")
  service = services.Wandb if kind == "wandb" else services.Trackio
  return service(module, workdir, name)
