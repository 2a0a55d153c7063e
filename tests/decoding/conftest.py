"""Shared by the tests of this room."""

import jax
import pytest


@pytest.fixture(scope="module")
def quick_compilations():
  """For files of which compilations are most of the time."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)
