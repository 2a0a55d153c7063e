"""Reads the folders that a report is of."""

import dataclasses
import pathlib
from collections.abc import Sequence

from inference_scaling.analysis.records import load, timings
from inference_scaling.analysis.report import provenance as provenance_lib


@dataclasses.dataclass(frozen=True)
class Source:
  """A folder that a sweep has written.

  Attributes:
    folder: as it was given.
    label: the shortest end of its path that no other folder has.
    provenance: of its config.json.
    records: in the order of the file.
  """

  folder: pathlib.Path
  label: str
  provenance: provenance_lib.Provenance
  records: Sequence[load.Record]


def read(folders: Sequence[pathlib.Path]) -> list[Source]:
  """Reads the folders of sweeps.

  Args:
    folders: one or several.

  Returns:
    One Source per folder.

  Raises:
    RecordError: if records or config.json cannot be read.
    ValueError: if a folder is given twice.
    FileNotFoundError: if there are no records; or, of several folders, no
      config.json: nothing would tell whether their runs are alike.
  """
  paths: dict[pathlib.Path, pathlib.Path] = {}
  for folder in folders:
    path = folder / "records.jsonl"
    if not path.is_file():
      raise FileNotFoundError(
        f"there is no {path}; give the folder that a sweep has written"
      )
    if len(folders) > 1 and not (folder / "config.json").is_file():
      raise FileNotFoundError(
        f"there is no {folder / 'config.json'}, so that nothing tells whether"
        " the runs of this folder are like those of the others; put it back,"
        " or report on this folder alone"
      )
    absolute = folder.resolve()
    if absolute in paths:
      raise ValueError(
        f"folder {folder} is given twice, also as {paths[absolute]}; expected"
        " each folder once"
      )
    paths[absolute] = folder
  return [
    _read(folder, label)
    for folder, label in zip(folders, _labels(list(paths)), strict=True)
  ]


def _read(folder: pathlib.Path, label: str) -> Source:
  provenance = provenance_lib.read(folder / "config.json")
  records = load.read_records(folder / "records.jsonl")
  # Read behind the records: of each its time is there, too.
  records = timings.add_times(records, folder / "timings.jsonl")
  if provenance is None:
    provenance = provenance_lib.from_records(records)
  return Source(folder, label, provenance, records)


def _labels(paths: Sequence[pathlib.Path]) -> list[str]:
  """The shortest ends of paths, equally many parts each, that all differ."""
  most = max(len(path.parts) for path in paths)
  for length in range(1, most):
    labels = ["/".join(path.parts[-length:]) for path in paths]
    if len(set(labels)) == len(labels):
      return labels
  return [str(path) for path in paths]
