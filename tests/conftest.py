"""Strict settings for every test: eight CPU devices, no rank promotion."""

import hypothesis
import jax
import pytest

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_threefry_partitionable", True)

# The same examples at every run, so that a change fails by what it changes.
# `pytest --hypothesis-profile=default` looks for others.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True, scope="module")
def _forget_programs():
  """Drops what a file has compiled.

  Linux gives a process 65,530 mappings of memory, and each program takes some:
  with the programs of all files a compiler fails and ends the process.
  """
  yield
  jax.clear_caches()
