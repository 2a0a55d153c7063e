"""The folder of a sweep: one config and one set of models for good."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import inference_scaling
from inference_scaling.sweep import checkpoints
from inference_scaling.sweep import config as config_lib
from inference_scaling.sweep import records as records_lib

CONFIG = "config.json"
RECORDS = "records.jsonl"
TIMINGS = "timings.jsonl"


def content(
  resolved: config_lib.Resolved,
  policies: Mapping[str, checkpoints.Checkpoint],
  reward: checkpoints.Checkpoint | None,
  num_problems: int,
) -> dict[str, Any]:
  """Says what a sweep is, as JSON data.

  Args:
    resolved: the config.
    policies: checkpoints by name.
    reward: checkpoint of the reward model; None for none.
    num_problems: how many there are, which a config may leave to a file.

  Returns:
    What config.json of its folder holds.
  """
  return {
    "config": resolved,
    "sha256": config_lib.digest(resolved),
    # Told in reports; another version may go on with a sweep.
    "version": inference_scaling.__version__,
    "problems": num_problems,
    "policies": {name: _model(found) for name, found in policies.items()},
    "reward": _model(reward) if reward else None,
  }


def claim(workdir: pathlib.Path, content: dict[str, Any]) -> None:
  """Makes a folder the home of a sweep, or checks that it is.

  A folder without a record is free: its sweep ended before it began, as on a
  mesh that does not match the devices.

  Args:
    workdir: the folder, made where missing.
    content: of the sweep.

  Raises:
    ValueError: if the folder belongs to another config or to other models;
      the message lists what has changed.
    OSError: if the folder cannot be written, or is in use.
  """
  path, records = workdir / CONFIG, workdir / RECORDS
  recorded = records.exists() and records.stat().st_size > 0
  if path.exists() and recorded:
    _compare(path, content)
    return
  if path.exists():
    with records_lib.JsonLines(records):
      pass  # raises where a sweep is about to write its first record
  if recorded:
    raise ValueError(
      f"{records} has records but {path} does not exist, so nothing tells what "
      "they belong to. Give another --workdir, or put the config back."
    )
  _write(path, content)


def tell(workdir: pathlib.Path, **told: Any) -> None:
  """Brings up to date what config.json tells reports, where it has changed.

  Args:
    workdir: a folder that has been claimed.
    **told: such as the number of problems, which may grow.

  Raises:
    OSError: if the folder cannot be written.
  """
  path = workdir / CONFIG
  content = json.loads(path.read_text(encoding="utf-8"))
  if content | told != content:
    _write(path, content | told)


def _write(path: pathlib.Path, content: dict[str, Any]) -> None:
  """Writes config.json; a kill leaves a whole file or the one before."""
  text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
  draft = path.with_suffix(".tmp")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
  except OSError as error:
    raise OSError(
      f"cannot write {path}: {error.strerror}. Make room, or give another "
      "--workdir."
    ) from error


def _model(checkpoint: checkpoints.Checkpoint) -> dict[str, Any]:
  return {
    "parameters": checkpoint.parameters,
    "sha256": checkpoint.sha256(),
  }


def _compare(path: pathlib.Path, new: dict[str, Any]) -> None:
  """Raises a ValueError if config.json says anything else."""
  try:
    old = json.loads(path.read_text(encoding="utf-8"))
    changed = config_lib.changes(
      config_lib.with_defaults(old["config"]), new["config"]
    )
    for kind in ("policies", "reward"):
      changed += config_lib.changes(old[kind], new[kind], f"files of {kind}")
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(
      f"{path} cannot be read ({error!r}); expected the config of a sweep. "
      "Give another --workdir."
    ) from error
  if changed:
    lines = "\n  ".join(changed)
    raise ValueError(
      f"{path.parent} holds the records of another sweep; since then changed:\n"
      f"  {lines}\n"
      "Records of both in one folder could not be told apart. Undo the change, "
      "or give another --workdir."
    )
