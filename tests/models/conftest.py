"""A checkpoint folder that the tests of loading share."""

import pathlib
import shutil

import pytest

from inference_scaling import models
from tests.models import tiny


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
  """A model and the folder it was saved to, not to be changed."""
  folder = tmp_path_factory.mktemp("saved")
  model = tiny.make_model(tiny.WIDE_HEADS, seed=1)
  models.save_model(model, folder)
  return model, folder


@pytest.fixture
def folder(saved, tmp_path):
  """A copy of the folder, to be changed."""
  return pathlib.Path(shutil.copytree(saved[1], tmp_path / "model"))
