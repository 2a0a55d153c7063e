"""Metrics of runs as they grow, held against sums over their records."""

import json

import pytest

from inference_scaling import sweep
from inference_scaling.sweep import tracking
from tests.analysis import factory
from tests.sweep import tiny
from tests.sweep.tracking import trackers_test

RUN, OTHER = "small rebase n=4 seed=0", "small sampling n=4 seed=0"
SECONDS = 0.5


class Kept:
  """Keeps what is logged; may fail."""

  def __init__(self, fails_at=None):
    self.logged, self.calls, self.closed = [], 0, 0
    self._fails_at = fails_at

  def log(self, step, values):
    self.calls += 1
    if self.calls == self._fails_at:
      raise ConnectionError("no route to host")
    self.logged.append((step, dict(values)))

  def close(self):
    self.closed += 1


@pytest.fixture(name="path")
def _path(tmp_path):
  return tmp_path / "records.jsonl"


def append(path, record):
  with path.open("a") as file:
    file.write(json.dumps(record) + "\n")


def feed(metrics, path, records):
  """Records and lets see, as a sweep does."""
  for record in records:
    append(path, record)
    metrics.see(record, {"machine_seconds": SECONDS, "memory_bytes": 3 * 2**30})


def made(problems=4):
  """Records of two runs in turns, as several workers make them."""
  records = factory.sweep(
    problems, ("small",), (("rebase", 4), ("sampling", 4)), seeds=1
  )
  return [records[i + problems * k] for i in range(problems) for k in (0, 1)]


def metrics_of(tracker, path):
  said = []
  metrics = tracking.Metrics(tracker, path, said.append)
  return metrics, said


def expected(records, step, new):
  """Of the first records of a run, those behind `new` recorded this time."""
  records, fresh = records[:step], records[new:step]

  def mean(values):
    return sum(values) / step

  return {
    "accuracy": mean(r["votes"]["weighted/last"]["correct"] for r in records),
    "flops_paper": mean(r["ledger"]["flops"]["paper"] for r in records),
    "tokens": mean(r["ledger"]["policy_decode"] for r in records),
    "tokens_per_second": sum(r["ledger"]["policy_decode"] for r in fresh)
    / (SECONDS * len(fresh)),
    "memory_gib": 3.0,
  }


def check(logged, records, new=0):
  """Whether each record behind `new` was logged once, in order."""
  by_run = {}
  for step, values in logged:
    (run,) = {name.rpartition("/")[0] for name in values}
    by_run.setdefault(run, []).append((step, values))
  assert set(by_run) == {RUN, OTHER}
  for run, rows in by_run.items():
    own = [r for r in records if r["run"]["strategy"] == run.split()[1]]
    assert [step for step, _ in rows] == list(range(new + 1, len(own) + 1))
    for step, values in rows:
      named = {f"{run}/{k}": v for k, v in expected(own, step, new).items()}
      assert values == pytest.approx(named)


def test_each_record_logs_the_means_of_its_run(path):
  records, tracker = made(), Kept()
  # A mean that is 0 or 1 throughout would tell little.
  assert len({r["votes"]["weighted/last"]["correct"] for r in records}) == 2
  metrics, said = metrics_of(tracker, path)
  with metrics:
    feed(metrics, path, records)
  check(tracker.logged, records)
  assert tracker.closed == 1 and not said


@pytest.mark.parametrize("before", [1, 2])
def test_a_later_start_goes_on_with_the_steps(path, before):
  records = made()
  for record in records[: 2 * before]:
    append(path, record)
  tracker = Kept()
  metrics, _ = metrics_of(tracker, path)
  feed(metrics, path, records[2 * before :])
  check(tracker.logged, records, before)


def test_accuracy_is_of_the_vote_that_progress_shows(path):
  record = factory.unrewarded(made()[0])
  record["votes"]["majority"]["correct"] = True
  other = made()[2]
  other["votes"] = {
    f"{vote}/{how}" if vote != "majority" else vote: {"correct": False}
    for vote in ("majority", "best_of_n", "weighted")
    for how in ("min", "mean")
  }
  other["votes"]["weighted/min"]["correct"] = True
  tracker = Kept()
  for one in (record, other):
    metrics, _ = metrics_of(tracker, path)
    feed(metrics, path, [one])
    path.unlink()
  assert [values[f"{RUN}/accuracy"] for _, values in tracker.logged] == [1, 1]


def test_what_is_not_known_is_left_out(path):
  tracker = Kept()
  metrics, _ = metrics_of(tracker, path)
  append(path, made()[0])
  metrics.see(made()[0], {"machine_seconds": 0.0})
  assert set(tracker.logged[0][1]) == {
    f"{RUN}/{name}" for name in ("accuracy", "flops_paper", "tokens")
  }


def test_a_tracker_that_fails_is_left_after_one_warning(path):
  tracker = Kept(fails_at=3)
  metrics, said = metrics_of(tracker, path)
  with metrics:
    feed(metrics, path, made())
  assert tracker.calls == 3 and tracker.closed == 1
  (line,) = said
  assert "(ConnectionError: no route to host)" in line
  assert line.startswith("Warning: tracking has failed") and "goes on" in line


def test_a_tracker_that_cannot_close_is_a_warning(path):
  tracker = Kept()
  tracker.close = lambda: 1 / 0
  metrics, said = metrics_of(tracker, path)
  with metrics:
    feed(metrics, path, made()[:1])
  assert len(said) == 1 and "ZeroDivisionError" in said[0]


def test_ctrl_c_is_not_taken_for_a_failure(path):
  def interrupted(step, values):
    raise KeyboardInterrupt

  tracker = Kept()
  tracker.log = interrupted
  metrics, said = metrics_of(tracker, path)
  with pytest.raises(KeyboardInterrupt):
    feed(metrics, path, made()[:1])
  assert not said


def test_a_sweep_is_tracked_over_two_starts(family, tmp_path):
  # The smallest program of all.
  run = {"strategy": "greedy", "policies": ("small",)}
  config = tiny.config(family, runs={"greedy": run}, reward={"format": "none"})
  said = []
  for limit in (2, 0):
    config["task"]["limit"] = limit
    tracker = tracking.open_tracker("tensorboard", tmp_path, "tiny")
    with tracking.Metrics(
      tracker, tmp_path / "records.jsonl", said.append
    ) as metrics:
      sweep.run_sweep(config, tmp_path, said.append, see=metrics.see)
  assert not any("Warning: tracking" in line for line in said)
  rows = trackers_test.scalars(tmp_path, "small greedy n=1 seed=0")
  records = [
    json.loads(line)
    for line in (tmp_path / "records.jsonl").read_text().splitlines()
  ]
  assert len(records) == len(tiny.GOLDS)
  by_tag = {}
  for step, tag, value in rows:
    by_tag.setdefault(tag, []).append((step, value))
  assert set(by_tag) == {
    "accuracy", "flops_paper", "tokens", "tokens_per_second", "memory_gib",
  }  # fmt: skip
  for curve in by_tag.values():
    assert [step for step, _ in curve] == list(range(1, len(records) + 1))
  tokens = [record["ledger"]["policy_decode"] for record in records]
  assert by_tag["tokens"][-1][1] == pytest.approx(sum(tokens) / len(tokens))
  (line,) = [line for line in said if "accuracy" in line and "6 prob" in line]
  assert f"{100 * by_tag['accuracy'][-1][1]:.1f}%" in line
