"""A config for launchers: the argument is a folder made by `tiny`."""

import pathlib

import ml_collections

from tests.sweep import tiny


def get_config(arg):
  """The same sweep as `tests/sweep/conftest.py` runs in the process."""
  return ml_collections.ConfigDict(tiny.config(pathlib.Path(arg)))
