"""What is said where a compiler is missing, or is another one."""

import importlib.metadata
import os

import jax
import pytest

from inference_scaling.plan import chips, compilers

JAXLIB = importlib.metadata.version("jaxlib")
GOOD = {
  "libtpu": compilers._expected("libtpu").replace("*", "3"),
  "jax-cuda12-pjrt": JAXLIB,
  "jax-cuda12-plugin": JAXLIB,
  "nvidia-cuda-nvcc-cu12": "12.1",
  "jaxlib": JAXLIB,
}


@pytest.fixture
def installed(monkeypatch):
  """Which packages there are; the test changes it."""
  packages = dict(GOOD)

  def version(name):
    if name not in packages:
      raise importlib.metadata.PackageNotFoundError(name)
    return packages[name]

  monkeypatch.setattr(importlib.metadata, "version", version)
  for name in compilers._ENVIRONMENT:
    monkeypatch.delenv(name, raising=False)
  return packages


def test_nothing_is_said_where_all_is_there(installed):
  del installed
  compilers.require(chips.TPU)
  compilers.require(chips.GPU)
  assert os.environ["TPU_SKIP_MDS_QUERY"] == "1"
  assert os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] == "1"
  assert jax.config.jax_platforms == "cpu"


def test_what_jax_wrote_of_a_slice_that_is_not_there_is_replaced(
  installed, monkeypatch
):
  del installed
  monkeypatch.setenv("TPU_WORKER_HOSTNAMES", "WARNING: could not determine")
  monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5p-8")
  compilers.require(chips.TPU)
  assert os.environ["TPU_WORKER_HOSTNAMES"] == "localhost"
  assert os.environ["TPU_ACCELERATOR_TYPE"] == "v5p-8"


def test_a_missing_compiler_is_named_with_the_command(installed):
  del installed["libtpu"], installed["jax-cuda12-plugin"]
  with pytest.raises(ValueError, match=r'libtpu\. Run: pip.*"libtpu==\d'):
    compilers.require(chips.TPU)
  with pytest.raises(ValueError) as error:
    compilers.require(chips.GPU)
  said = str(error.value)
  assert "not installed: jax-cuda12-plugin. Run: pip install --no-deps" in said
  for name in ("jax-cuda12-pjrt", "jax-cuda12-plugin"):
    assert f'"{name}=={JAXLIB}"' in said
  assert "nvidia-cuda-nvcc-cu12" in said


@pytest.mark.parametrize(
  ("name", "platform"),
  [
    ("libtpu", chips.TPU),
    ("jax-cuda12-pjrt", chips.GPU),
    ("jax-cuda12-plugin", chips.GPU),
  ],
)
def test_another_version_than_jaxlib_s_is_refused(installed, name, platform):
  installed[name] = "0.0.1"
  with pytest.raises(ValueError, match=rf"{name} 0\.0\.1 is installed, but"):
    compilers.require(platform)
