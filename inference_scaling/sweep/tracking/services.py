"""Services that keep metrics elsewhere: wandb, and trackio's database."""

import pathlib
import uuid
from collections.abc import Mapping
from typing import Any

_PROJECT = "inference_scaling"
_TIMEOUT = 30  # seconds that a sweep waits for wandb to begin
_ID = "tracking_id"  # file that names the folder's run, so that it goes on


class Wandb:
  """Logs to Weights & Biases; see `tracker.Tracker`.

  A step there rises over the whole sweep. So each run has an axis of its own,
  RUN/problems.
  """

  def __init__(self, module: Any, workdir: pathlib.Path, name: str):
    """Makes it; it connects when something is logged.

    Args:
      module: the package wandb.
      workdir: folder of the sweep.
      name: of the sweep.

    Raises:
      ValueError: if there is no key for it; on a terminal wandb asks for one.
    """
    try:
      module.login(verify=False)  # now, not in the middle of the sweep
    except module.Error as error:
      raise ValueError(
        f"wandb cannot log in: {error} Run `wandb login` once, or keep metrics"
        " in files that `wandb sync` sends later: WANDB_MODE=offline"
      ) from error
    self._module, self._workdir, self._name = module, workdir, name
    self._run: Any = None
    self._defined: set[str] = set()

  def log(self, step: int, values: Mapping[str, float]) -> None:
    """Sends a row with the step on the axis of its run."""
    if self._run is None:
      self._run = self._module.init(
        project=_PROJECT,
        name=self._name,
        id=_identity(self._workdir),
        resume="allow",
        dir=str(self._workdir),
        settings=self._module.Settings(init_timeout=_TIMEOUT),
      )
    for run in dict.fromkeys(key.rpartition("/")[0] for key in values):
      axis = f"{run}/problems"
      if run not in self._defined:
        self._run.define_metric(f"{run}/*", step_metric=axis)
        self._defined.add(run)
      own = {key: v for key, v in values.items() if key.startswith(f"{run}/")}
      self._run.log({**own, axis: step})

  def close(self) -> None:
    """Waits until all is sent."""
    if self._run is not None:
      self._run.finish()


class Trackio:
  """Logs to trackio, which keeps a database of its own; see `tracker.Tracker`.

  It lies where `TRACKIO_DIR` says, and `trackio show` draws it.
  """

  def __init__(self, module: Any, workdir: pathlib.Path, name: str):
    """Makes it; it opens its database when something is logged.

    Args:
      module: the package trackio.
      workdir: folder of the sweep.
      name: of the sweep.
    """
    self._module, self._workdir, self._name = module, workdir, name
    self._run: Any = None

  def log(self, step: int, values: Mapping[str, float]) -> None:
    """Adds a row to the database."""
    if self._run is None:
      # It goes on by the name, which other folders may have.
      self._run = self._module.init(
        project=_PROJECT,
        name=f"{self._name}-{_identity(self._workdir)}",
        resume="allow",
        embed=False,
        auto_log_cpu=False,
        auto_log_gpu=False,
      )
    self._run.log(dict(values), step=step)

  def close(self) -> None:
    """Waits until all is sent."""
    if self._run is not None:
      self._run.finish()


def _identity(workdir: pathlib.Path) -> str:
  """What names the run of a folder; made once, and gone with the folder."""
  path = workdir / _ID
  if not path.exists():
    path.write_text(f"{uuid.uuid4().hex[:8]}\n", encoding="utf-8")
  return path.read_text(encoding="utf-8").strip()
