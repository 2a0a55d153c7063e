import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.benchmark import held

MEBIBYTE = 1 << 20


def test_what_a_task_holds_beside_what_was_there():
  weights = jnp.ones(4 * MEBIBYTE)  # of 4 bytes each
  idle = held.most(lambda: None)
  if idle is None:
    pytest.skip("the system does not tell what a process holds")
  assert idle >= weights.nbytes
  # Held for a moment only, by numpy; twice in turns is not twice at once.
  busy = held.most(lambda: [np.ones(64 * MEBIBYTE, np.int8).sum()] * 2)
  both = held.most(
    lambda: [np.ones(64 * MEBIBYTE, np.int8).sum() for _ in range(2)]
  )
  for found in (busy, both):
    assert (found - idle) / MEBIBYTE == pytest.approx(64, abs=16)
  del weights


def test_a_system_that_does_not_tell_is_no_error(tmp_path, monkeypatch):
  monkeypatch.setattr(held, "_PROCESS", tmp_path / "nowhere")
  assert held.most(lambda: None) is None
