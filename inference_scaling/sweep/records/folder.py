"""The folder of a sweep: it may grow, but what is recorded stays."""

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import inference_scaling
from inference_scaling import spec
from inference_scaling.sweep import checkpoints
from inference_scaling.sweep.ports import port as port_lib
from inference_scaling.sweep.records import files as records_lib
from inference_scaling.sweep.speculation import pair

CONFIG = "config.json"
RECORDS = "records.jsonl"
TIMINGS = "timings.jsonl"
_FLOPS = "flops_per_token"


def content(
  sweep: spec.Sweep,
  policies: Mapping[str, checkpoints.Model | pair.Pair],
  reward: checkpoints.Model | None,
  num_problems: int,
) -> dict[str, Any]:
  """Says what a sweep is, as JSON data.

  Args:
    sweep: the sweep.
    policies: checkpoints by name.
    reward: checkpoint of the reward model; None for none.
    num_problems: how many there are, which a config may leave to a file.

  Returns:
    What config.json of its folder holds.
  """
  config = spec.to_json(sweep)
  text = json.dumps(config, sort_keys=True)
  return {
    "config": config,
    "sha256": hashlib.sha256(text.encode()).hexdigest(),
    # Told in reports; another version may go on with a sweep.
    "version": inference_scaling.__version__,
    "problems": num_problems,
    "policies": {name: _model(model) for name, model in policies.items()},
    "reward": _model(reward) if reward else None,
  }


def claim(workdir: pathlib.Path, content: dict[str, Any]) -> spec.Sweep | None:
  """Makes a folder the home of a sweep, or checks that it may go on there.

  A folder without a record is free: its sweep ended before it began, as on a
  mesh that does not match the devices.

  Args:
    workdir: the folder, made where missing.
    content: of the sweep.

  Returns:
    The sweep that the folder has records of, which this one adds to; None where
    there are none yet.

  Raises:
    ValueError: if the folder belongs to a sweep that this one does not only add
      to, or to other models; the message lists what has changed.
    OSError: if the folder cannot be written, or is in use.
  """
  for name in (CONFIG, RECORDS, TIMINGS):
    if (workdir / name).is_dir():
      raise OSError(
        f"{workdir / name} is a folder; expected a file of a sweep. Move it "
        "away, or give another --workdir."
      )
  path, records = workdir / CONFIG, workdir / RECORDS
  recorded = records.exists() and records.stat().st_size > 0
  if path.exists() and recorded:
    return _compare(path, content)
  if path.exists():
    with records_lib.JsonLines(records):
      pass  # raises where a sweep is about to write its first record
  if recorded:
    raise ValueError(
      f"{records} has records but {path} does not exist, so nothing tells what "
      "they belong to. Give another --workdir, or put the config back."
    )
  _write(path, content)
  return None


def tell(workdir: pathlib.Path, **told: Any) -> None:
  """Brings up to date what config.json tells reports, where it has changed.

  Args:
    workdir: a folder that has been claimed.
    **told: such as the config and the number of problems, which may grow.

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
      f"cannot write {path}: {error.strerror}. Free space, or give another "
      "--workdir."
    ) from error


def _model(checkpoint: checkpoints.Model | pair.Pair) -> dict[str, Any]:
  told = {
    "parameters": checkpoint.parameters,
    "sha256": checkpoint.sha256(),
  }
  if not isinstance(checkpoint, port_lib.Port):
    return told  # its FLOPs follow from the architecture
  return told | {_FLOPS: float(checkpoint.cost.per_token)}


def _as_told(old: Any, new: Any) -> Any:
  """What is known of models, without what an older version did not tell."""
  if not (isinstance(old, dict) and isinstance(new, dict)):
    return new
  return {
    key: _as_told(old.get(key, value), value)
    for key, value in new.items()
    if key in old or key != _FLOPS
  }


def _compare(path: pathlib.Path, new: dict[str, Any]) -> spec.Sweep:
  """Raises a ValueError if config.json is not of a part of this sweep."""
  try:
    old = json.loads(path.read_text(encoding="utf-8"))
    before = spec.read_sweep(spec.renew(old["config"]))
    changed = spec.changes(before, spec.read_sweep(new["config"]))
    kept = {
      name: new["policies"].get(name, model)
      for name, model in old["policies"].items()
    }
    for kind, models in (("policies", kept), ("reward", new["reward"])):
      told = _as_told(old[kind], models)
      changed += spec.differences(old[kind], told, f"files of {kind}")
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
      "Records of both in one folder could not be told apart: problems, "
      "policies, runs and aggregations may be added, and what only places work "
      f"({', '.join(spec.PLACING)}) may change. Undo the change, or give "
      "another --workdir."
    )
  return before
