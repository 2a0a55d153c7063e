"""What processes of one sweep tell each other, with two that are made up."""

import json

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

from inference_scaling.sweep import processes


@pytest.fixture
def two(monkeypatch):
  """Makes this process number `index` of two."""

  def become(index):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "process_index", lambda: index)

  return become


def test_one_process_makes_its_own_value():
  assert processes.is_lead()
  assert processes.from_lead(lambda: [1, 2]) == [1, 2]
  processes.check_same({"config": {}})


def test_the_others_get_what_the_first_made(two, monkeypatch):
  sent = []
  monkeypatch.setattr(
    processes, "_broadcast", lambda data: sent.append(data) or sent[0]
  )
  two(0)
  assert processes.from_lead(lambda: {"a": [1, None]}) == {"a": [1, None]}
  two(1)
  assert not processes.is_lead()
  fail = lambda: pytest.fail("only the first process makes it")  # noqa: E731
  assert processes.from_lead(fail) == {"a": [1, None]}


def test_an_error_of_the_first_is_told_to_the_others(two, monkeypatch):
  sent = []
  monkeypatch.setattr(
    processes, "_broadcast", lambda data: sent.append(data) or sent[0]
  )

  def fail():
    raise ValueError("another config")

  two(0)
  with pytest.raises(ValueError, match=r"^another config$"):
    processes.from_lead(fail)
  assert json.loads(sent[0]) == {"error": "another config"}
  two(1)
  with pytest.raises(OSError, match="process 0 ended: another config"):
    processes.from_lead(fail)


def test_bytes_of_any_length_are_sent(monkeypatch):
  monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", np.asarray)
  for data in (b"", b"x" * 1000):
    assert processes._broadcast(data) == data


def test_processes_with_other_files_are_named(two, monkeypatch):
  two(0)

  def gather(rows):
    gathered = np.stack([rows, rows, rows])
    gathered[2, 1, 0] ^= 1  # a byte of the digest of the problems of process 2
    return gathered

  monkeypatch.setattr(multihost_utils, "process_allgather", gather)
  with pytest.raises(ValueError, match=r"same problems: .*process 0 and 2\."):
    processes.check_same({"config": 1, "problems": 2})
  monkeypatch.setattr(
    multihost_utils, "process_allgather", lambda rows: np.stack([rows, rows])
  )
  processes.check_same({"config": 1, "problems": 2})
