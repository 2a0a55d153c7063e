"""One family of tiny models and one finished sweep for all tests here."""

import jax
import pytest

from inference_scaling import sweep
from tests.sweep import tiny


@pytest.fixture(scope="session")
def family(tmp_path_factory):
  return tiny.write_family(tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
  """Sweeps make new model objects, so each would compile anew."""
  folder = tmp_path_factory.mktemp("cache")
  jax.config.update("jax_compilation_cache_dir", str(folder))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
  yield
  jax.config.update("jax_compilation_cache_dir", None)


@pytest.fixture(scope="session")
def swept(family, tmp_path_factory):
  """Folder of a finished sweep, not to be written to."""
  folder = tmp_path_factory.mktemp("swept")
  return sweep.run_sweep(tiny.config(family), folder, say=lambda line: None)
