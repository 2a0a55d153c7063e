"""The tiny models that faults are tried on, and their records."""

import pytest

from inference_scaling import sweep
from tests.launch import tiny_sweep
from tests.sweep import tiny
from tests.sweep.executors import faults


@pytest.fixture(scope="module")
def family(tmp_path_factory):
  return tiny.write_family(tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="module")
def whole(family, tmp_path_factory):
  """Records of a sweep in one process."""
  folder = tmp_path_factory.mktemp("whole")
  config = tiny_sweep.get_config(family)
  sweep.run_sweep(config, folder, say=lambda line: None)
  return faults.records(folder)
