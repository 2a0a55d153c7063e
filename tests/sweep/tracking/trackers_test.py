"""Trackers write what they are given, and go on where they were."""

import json
import re
import sqlite3
import subprocess
import sys
import textwrap
import types

import pytest
from tensorboardX.proto import event_pb2

from inference_scaling.sweep import tracking
from inference_scaling.sweep.tracking import tensorboard

RUN, OTHER = "small rebase/cold n=16 seed=0", "large greedy n=1 seed=0"


def events(path):
  """The events of a file: length, its checksum, data, checksum."""
  data, made = path.read_bytes(), []
  while data:
    length = int.from_bytes(data[:8], "little")
    assert len(data) >= length + 16
    made.append(event_pb2.Event.FromString(data[12 : 12 + length]))
    data = data[length + 16 :]
  return made


def scalars(workdir, run):
  """(step, tag, value) of a run, over its files in their order."""
  rows = []
  for path in sorted((workdir / "tensorboard" / run).glob("*tfevents*")):
    first, *rest = events(path)
    assert first.file_version == "brain.Event:2"
    rows += [
      (event.step, value.tag, value.simple_value)
      for event in rest
      for value in event.summary.value
    ]
  return rows


def test_event_files_hold_the_scalars_of_each_run(tmp_path):
  tracker = tracking.open_tracker("tensorboard", tmp_path, "demo")
  assert not list(tmp_path.iterdir())
  tracker.log(1, {f"{RUN}/accuracy": 1.0, f"{RUN}/tokens": 8.0})
  tracker.log(1, {f"{OTHER}/accuracy": 0.0})
  tracker.log(2, {f"{RUN}/accuracy": 0.5})
  # Already there: a kill loses none.
  rows = [(1, "accuracy", 1.0), (1, "tokens", 8.0), (2, "accuracy", 0.5)]
  assert scalars(tmp_path, RUN) == rows
  tracker.close()
  assert scalars(tmp_path, RUN) == rows
  assert scalars(tmp_path, OTHER) == [(1, "accuracy", 0.0)]


def test_a_later_start_writes_files_that_sort_behind(tmp_path):
  for step in (1, 2):
    tracker = tracking.open_tracker("tensorboard", tmp_path, "demo")
    tracker.log(step, {f"{RUN}/accuracy": 1.0})
    tracker.close()
  assert [row[0] for row in scalars(tmp_path, RUN)] == [1, 2]
  assert len(list((tmp_path / "tensorboard" / RUN).iterdir())) == 2


def test_many_runs_do_not_keep_as_many_files_open(tmp_path, monkeypatch):
  monkeypatch.setattr(tensorboard, "_MOST_OPEN", 2)
  tracker = tensorboard.TensorBoard(tmp_path / "tensorboard")
  for step in (1, 2):
    for run in "abc":
      tracker.log(step, {f"{run}/accuracy": 1.0})
      assert len(tracker._writers) <= 2
  tracker.close()
  for run in "abc":
    assert [row[0] for row in scalars(tmp_path, run)] == [1, 2]


def test_checksums_are_those_of_the_format(tmp_path):
  tracker = tracking.open_tracker("tensorboard", tmp_path, "demo")
  tracker.log(1, {"a/accuracy": 1.0})
  tracker.close()
  (path,) = (tmp_path / "tensorboard" / "a").iterdir()
  data = path.read_bytes()

  def checksum(data):  # CRC-32C, bit by bit, masked as TFRecord says
    crc = 0xFFFFFFFF
    for byte in data:
      crc ^= byte
      for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15) | (crc << 17)) + 0xA282EAD8
    return (masked & 0xFFFFFFFF).to_bytes(4, "little")

  length = int.from_bytes(data[:8], "little")
  assert data[8:12] == checksum(data[:8])
  assert data[12 + length : 16 + length] == checksum(data[12 : 12 + length])


def test_a_file_in_the_way_is_an_error_of_the_call(tmp_path):
  (tmp_path / "tensorboard").write_text("in the way")
  tracker = tracking.open_tracker("tensorboard", tmp_path, "demo")
  with pytest.raises(OSError, match="tensorboard"):
    tracker.log(1, {"a/accuracy": 1.0})


@pytest.mark.parametrize(
  ("kind", "package"),
  [("tensorboard", "tensorboardX"), ("wandb", "wandb"), ("trackio", "trackio")],
)
def test_a_missing_package_is_named(tmp_path, monkeypatch, kind, package):
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.raises(
    ValueError, match=f"tracking by {kind} needs .*pip install {package}$"
  ):
    tracking.open_tracker(kind, tmp_path, "demo")


def test_an_unknown_kind_is_refused(tmp_path):
  with pytest.raises(
    ValueError,
    match=re.escape(f"'mlflow' is not known; expected one of {tracking.KINDS}"),
  ):
    tracking.open_tracker("mlflow", tmp_path, "demo")


def test_a_sweep_needs_no_package_of_trackers():
  code = (
    "import sys; sys.modules |= dict.fromkeys("
    "['tensorboardX', 'wandb', 'trackio'])\n"
    "from inference_scaling.sweep import tracking"
  )
  done = subprocess.run([sys.executable, "-c", code], capture_output=True)
  assert done.returncode == 0, done.stderr


class FakeWandb(types.ModuleType):
  """Keeps what it is told, as wandb does under one id."""

  Error, Settings = RuntimeError, dict

  def __init__(self, key=True):
    super().__init__("wandb")
    self._key = key
    self.starts, self.axes, self.rows, self.finished = [], [], [], 0

  def login(self, verify):
    assert not verify  # which needs the network
    if not self._key:
      raise self.Error("No API key configured.")

  def init(self, **options):
    self.starts.append(options)
    return types.SimpleNamespace(
      define_metric=lambda name, step_metric: self.axes.append(
        (name, step_metric)
      ),
      log=self.rows.append,
      finish=self._finish,
    )

  def _finish(self):
    self.finished += 1


def test_wandb_gives_each_run_its_axis_and_goes_on(tmp_path, monkeypatch):
  wandb = FakeWandb()
  monkeypatch.setitem(sys.modules, "wandb", wandb)
  for step in (1, 2):
    tracker = tracking.open_tracker("wandb", tmp_path, "demo")
    tracker.log(step, {f"{RUN}/accuracy": 1.0})
    tracker.log(step, {f"{RUN}/accuracy": 0.5})
    tracker.close()
  assert wandb.finished == 2
  assert wandb.axes == 2 * [(f"{RUN}/*", f"{RUN}/problems")]
  assert wandb.rows == [
    {f"{RUN}/accuracy": value, f"{RUN}/problems": step}
    for step in (1, 2)
    for value in (1.0, 0.5)
  ]
  first, second = wandb.starts
  assert first == second  # by an id that stays with the folder
  assert first["resume"] == "allow" and first["name"] == "demo"
  other = tmp_path / "other"
  other.mkdir()
  tracking.open_tracker("wandb", other, "demo").log(1, {"a/b": 1.0})
  assert wandb.starts[2]["id"] != first["id"]


def test_what_logged_nothing_is_closed_without_a_start(tmp_path, monkeypatch):
  wandb = FakeWandb()
  monkeypatch.setitem(sys.modules, "wandb", wandb)
  tracking.open_tracker("wandb", tmp_path, "demo").close()
  assert not wandb.starts and not wandb.finished


def test_wandb_without_a_key_is_an_error_at_the_start(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "wandb", FakeWandb(key=False))
  with pytest.raises(ValueError, match=r"No API key .* Run `wandb login` once"):
    tracking.open_tracker("wandb", tmp_path, "demo")


# Every connection fails: the database is a file.
_OFFLINE = """
import socket, sys
def refuse(*args, **kwargs):
  raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refuse
from inference_scaling.sweep import tracking
tracker = tracking.open_tracker("trackio", sys.argv[1], "demo")
step = int(sys.argv[2])
for name in ("a", "b"):
  tracker.log(step, {name + "/accuracy": step / 4, name + "/tokens": 8.0})
tracker.close()
"""


def test_trackio_keeps_its_database_offline(tmp_path):
  pytest.importorskip("trackio", reason="pip install trackio")
  code = textwrap.dedent(_OFFLINE)
  for step in ("1", "2"):
    done = subprocess.run(
      [sys.executable, "-c", code, str(tmp_path), step],
      env={"TRACKIO_DIR": str(tmp_path / "db"), "PATH": "", "HOME": "/nowhere"},
      capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
  with sqlite3.connect(tmp_path / "db" / "inference_scaling.db") as database:
    rows = database.execute(
      "SELECT run_id, run_name, step, metrics FROM metrics ORDER BY id"
    ).fetchall()
  ids, names, steps, metrics = zip(*rows, strict=True)
  assert len(set(ids)) == len(set(names)) == 1 and names[0].startswith("demo-")
  assert steps == (1, 1, 2, 2)
  assert [json.loads(values) for values in metrics] == [
    {f"{run}/accuracy": step / 4, f"{run}/tokens": 8.0}
    for step in (1, 2)
    for run in ("a", "b")
  ]
