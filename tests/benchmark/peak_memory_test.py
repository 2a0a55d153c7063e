import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.benchmark import peak_memory

MEBIBYTE = 1 << 20


def test_peak_memory_is_arrays_and_growth():
  weights = jnp.ones(4 * MEBIBYTE)  # of 4 bytes each
  idle = peak_memory.measure(lambda: None)
  if idle is None:
    pytest.skip("the system does not count the memory of a process")
  assert idle >= weights.nbytes
  # Held for a moment only, by numpy; twice in turns is not twice at once.
  busy = peak_memory.measure(
    lambda: [np.ones(64 * MEBIBYTE, np.int8).sum()] * 2
  )
  both = peak_memory.measure(
    lambda: [np.ones(64 * MEBIBYTE, np.int8).sum() for _ in range(2)]
  )
  for peak in (busy, both):
    assert (peak - idle) / MEBIBYTE == pytest.approx(64, abs=16)
  del weights


def test_a_system_that_does_not_count_is_no_error(tmp_path, monkeypatch):
  monkeypatch.setattr(peak_memory, "_PROCESS", tmp_path / "nowhere")
  assert peak_memory.measure(lambda: None) is None
