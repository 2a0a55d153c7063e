"""The compilers for TPU and GPU: packages beside JAX that need no device."""

import importlib.metadata
import os
import re
from collections.abc import Mapping

import jax

from inference_scaling.plan import chips

# Packages by platform. Those of GPU hold the plugin, and ptxas.
_PACKAGES: Mapping[str, tuple[str, ...]] = {
  chips.TPU: ("libtpu",),
  chips.GPU: (
    "jax-cuda12-pjrt", "jax-cuda12-plugin", "nvidia-cuda-nvcc-cu12",
  ),
}  # fmt: skip
# Of libtpu: else it asks the network which slice it is on, allows one process
# at a time on a machine, and warns that it is on none.
_ENVIRONMENT: Mapping[str, str] = {
  "TPU_SKIP_MDS_QUERY": "1",
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
  "TPU_MIN_LOG_LEVEL": "3",
  "TPU_STDERR_LOG_LEVEL": "3",
  "TPU_ACCELERATOR_TYPE": "v6e-8",
  "TPU_WORKER_HOSTNAMES": "localhost",
}


def require(platform: str) -> None:
  """Makes sure that a compiler can be used, and that it takes no device.

  Args:
    platform: `chips.TPU` or `chips.GPU`.

  Raises:
    ValueError: if its packages are not installed, or not those of this JAX.
  """
  versions = {name: _installed(name) for name in _PACKAGES[platform]}
  missing = [name for name, version in versions.items() if version is None]
  if missing:
    raise ValueError(
      f"to compile for {platform.upper()} without one takes packages that are "
      f"not installed: {', '.join(missing)}. Run: {command(platform)}"
    )
  for name, version in versions.items():
    expected = _expected(name) or "*"
    if not re.fullmatch(expected.replace("*", ".*"), str(version)):
      raise ValueError(
        f"{name} {version} is installed, but jax {jax.__version__} with jaxlib "
        f"{_jaxlib()} expects {expected}. Run: {command(platform)}"
      )
  for name, value in _ENVIRONMENT.items():
    # Where JAX looked for a slice in vain, it has left a warning.
    if os.environ.get(name, "WARNING").startswith("WARNING"):
      os.environ[name] = value
  # Nothing is run: accelerators of this machine stay free for others.
  jax.config.update("jax_platforms", "cpu")


def command(platform: str) -> str:
  """The command that installs a compiler.

  Args:
    platform: `chips.TPU` or `chips.GPU`.

  Returns:
    A line for the shell. No dependencies: those of the GPU's packages are the
    libraries that programs run with, gigabytes that no compiler needs.
  """
  wanted = []
  for name in _PACKAGES[platform]:
    expected = _expected(name)
    wanted.append(f'"{name}=={expected}"' if expected else name)
  return f"pip install --no-deps {' '.join(wanted)}"


def _installed(name: str) -> str | None:
  try:
    return importlib.metadata.version(name)
  except importlib.metadata.PackageNotFoundError:
    return None


def _expected(name: str) -> str | None:
  """The version that goes with this JAX; None for any."""
  if name.startswith("jax-"):
    return _jaxlib()
  for line in importlib.metadata.requires("jax") or ():
    if match := re.match(rf"{name} ?==([\w.*]+)", line):
      return match[1]
  return None


def _jaxlib() -> str:
  return importlib.metadata.version("jaxlib")
